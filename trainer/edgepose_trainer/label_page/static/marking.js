// What the keys do to labels and suggestions.

import { clock } from "./look.js";

const BESIDE_S = 0.1; // a suggestion whose peak lies so near a label is the same stroke
const SEEN_S = 0.5; // so shortly before or after, a person counts as seen, a suggestion as meant
const LEAST_S = 0.1;

const keyOf = ({ track, peak_s, label }) => `${track}|${peak_s}|${label}`;
const same = (a, b) => a === null || b === null || a === b;
const round = (time) => Math.round(time * 1e4) / 1e4;

export class Marking {
  // ``state``: time, chosen, selected, inPoint, label; ``ui``: seek(time), say(words, kind), play(start, end)
  constructor(facts, motion, book, state, ui) {
    Object.assign(this, { facts, motion, book, state, ui });
    this.names = [...facts.labels];
    this.found = [];
    this.players = new Map(Object.entries(facts.players).map(([track, one]) => [Number(track), one]));
    state.label = this.names[0];
  }

  indexOf = (label) => {
    let index = this.names.indexOf(label);
    if (index < 0) index = this.names.push(label) - 1; // it came with a file or with undo
    return index;
  };

  nameOf = (track) => this.players.get(track)?.name ?? `${track}`;

  get suggestions() {
    if (this.seenFound !== this.found || this.seenLabels !== this.book.labels || this.seenGone !== this.book.dismissed) {
      [this.seenFound, this.seenLabels, this.seenGone] = [this.found, this.book.labels, this.book.dismissed];
      this.open = this.found.filter((one) => !this.book.dismissed.has(one.key) && !this.isLabelled(one));
    }
    return this.open;
  }

  suggest(found) {
    if (found.length !== this.found.length) this.found = found.map((one) => ({ ...one, key: keyOf(one) }));
  }

  isLabelled({ peak_s, track }) {
    const near = ({ start_s, end_s }) => start_s - BESIDE_S <= peak_s && peak_s <= end_s + BESIDE_S;
    return this.book.labels.some((label) => near(label) && same(label.track, track));
  }

  get selectedLabel() {
    return this.state.selected?.kind === "label" ? this.book.find(this.state.selected.id) : undefined;
  }

  get selectedSuggestion() {
    const { selected } = this.state;
    return selected?.kind === "suggestion" ? this.suggestions.find((one) => one.key === selected.key) : undefined;
  }

  select(item) {
    this.state.selected = item;
    const track = (this.selectedLabel ?? this.selectedSuggestion)?.track;
    if (track !== null && track !== undefined) this.state.chosen = track;
  }

  // Who gets a label at this time: undefined when that is not clear.
  who(time) {
    const tracked = this.facts.tracks.length > 0;
    if (!tracked) return null;
    const seen = new Set();
    if (!this.motion.has(time - SEEN_S, time + SEEN_S)) return void this.ui.say("the people here are still on their way", "no");
    for (const piece of this.motion.between(time - SEEN_S, time + SEEN_S)) {
      for (const { track, at } of piece.people) {
        if (track >= 0 && at.some((i) => Math.abs(piece.times[i] - time) <= SEEN_S)) seen.add(track);
      }
    }
    if (seen.has(this.state.chosen)) return this.state.chosen;
    if (seen.size === 1) return (this.state.chosen = [...seen][0]);
    const whose = this.state.chosen === null ? "nobody is chosen" : `${this.nameOf(this.state.chosen)} is not in the picture`;
    this.ui.say(seen.size ? `${whose}: choose who plays (Tab or click)` : "nobody is seen here", "no");
    return undefined;
  }

  // A stroke round the time; where this person has one already, that one gets the label.
  mark(label, time = this.state.time) {
    const track = this.who(time);
    if (track === undefined) return;
    const there = this.book.labels.find((one) => one.start_s <= time && time <= one.end_s && same(one.track, track));
    if (there) return this.relabel(there, label);
    const half = this.facts.half_stroke_s;
    this.put(this.fitted(time - half, time + half, time, track), label, track, "marked");
  }

  // In and out points: the label that was used last from one to the other.
  setIn() {
    this.state.inPoint = this.state.time;
    this.ui.say(`in at ${clock(this.state.time)}; O ends it: ${this.state.label}`);
  }

  setOut() {
    const { inPoint, time, label } = this.state;
    if (inPoint === null) return this.ui.say("I sets the in point first", "no");
    if (Math.abs(time - inPoint) < 1e-3) return this.ui.say("in and out are the same moment", "no");
    const track = this.who((inPoint + time) / 2);
    if (track === undefined) return;
    this.state.inPoint = null;
    this.put([Math.min(inPoint, time), Math.max(inPoint, time)], label, track, "marked");
  }

  // The span, cut where it would run over the session's ends or this person's other labels.
  fitted(start, end, time, track) {
    start = Math.max(start, this.facts.start_s);
    end = Math.min(end, this.facts.end_s);
    for (const other of this.book.labels) {
      if (!same(other.track, track)) continue;
      if (other.end_s <= time) start = Math.max(start, other.end_s);
      if (other.start_s >= time) end = Math.min(end, other.start_s);
    }
    return end - start < LEAST_S ? [start, start + LEAST_S] : [start, end];
  }

  put([start, end], label, track, word) {
    const player = this.players.get(track)?.name ?? null;
    const id = this.book.add({ start_s: round(start), end_s: round(end), label, track, player });
    this.state.selected = { kind: "label", id };
    this.state.label = label;
    this.ui.say(`${word} ${label}${track === null ? "" : ` · ${this.nameOf(track)}`} · U undoes`);
  }

  relabel(one, label) {
    this.state.selected = { kind: "label", id: one.id };
    this.state.label = label;
    if (one.label === label) return this.ui.say(`it is a ${label} already`);
    this.book.edit(one.id, { label });
    this.ui.say(`${one.label} became ${label} · U undoes`);
  }

  // A digit, or a label's name: for the suggestion that is selected, for a label here, or a new stroke.
  use(label) {
    const suggestion = this.selectedSuggestion;
    const { time } = this.state;
    if (suggestion && suggestion.start_s - SEEN_S <= time && time <= suggestion.end_s + SEEN_S) this.accept(label);
    else this.mark(label);
  }

  accept(label) {
    const one = this.selectedSuggestion ?? this.under(this.state.time);
    if (!one) return this.ui.say("no suggestion here: N goes to the next", "no");
    const span = this.fitted(one.start_s, one.end_s, one.peak_s, one.track);
    this.put(span, label ?? one.label, one.track, "accepted");
  }

  under(time) {
    const here = this.suggestions.filter((one) => one.start_s <= time && time <= one.end_s);
    return here.find((one) => same(one.track, this.state.chosen)) ?? here[0];
  }

  // The label that is meant: the selected one, else the chosen person's here.
  get meant() {
    if (this.state.selected) return this.selectedLabel;
    const { time, chosen } = this.state;
    return this.book.labels.find((one) => one.start_s <= time && time <= one.end_s && same(one.track, chosen));
  }

  remove() {
    const label = this.meant;
    const suggestion = this.selectedSuggestion;
    if (label) this.book.remove(label.id);
    else if (suggestion) this.book.dismiss(suggestion.key);
    else return this.ui.say("no label here", "no");
    this.state.selected = null;
    this.ui.say(label ? `removed ${label.label} · U undoes` : `dismissed ${suggestion.label} · U undoes`);
  }

  edge(side) {
    const label = this.meant;
    const time = round(this.state.time);
    if (!label) return this.ui.say("no label is selected", "no");
    if (side === "start_s" ? time >= label.end_s : time <= label.start_s) {
      return this.ui.say("that would turn it round", "no");
    }
    this.book.edit(label.id, { [side]: time });
  }

  // The next suggestion of anybody in time; it is played once.
  go(direction) {
    const open = [...this.suggestions].sort((a, b) => a.peak_s - b.peak_s);
    const selected = this.selectedSuggestion;
    const from = selected ? selected.peak_s : this.state.time;
    const beyond = open.filter((one) => (one.peak_s - from) * direction > 1e-6 && one !== selected);
    const one = direction > 0 ? beyond[0] : beyond.at(-1);
    if (!one) return this.ui.say(direction > 0 ? "no suggestion after this" : "no suggestion before this", "no");
    this.select({ kind: "suggestion", key: one.key });
    this.ui.say(`${one.label}? ${one.score.toFixed(2)} · Enter accepts · a digit corrects · Delete dismisses`);
    this.ui.play(one.start_s, one.end_s, one.peak_s);
  }

  jumpLabel(direction) {
    const from = this.selectedLabel ? this.selectedLabel.start_s : this.state.time;
    const beyond = this.book.labels.filter((one) => (one.start_s - from) * direction > 1e-6);
    const one = direction > 0 ? beyond[0] : beyond.at(-1);
    if (!one) return this.ui.say("no further label", "no");
    this.select({ kind: "label", id: one.id });
    this.ui.seek((one.start_s + one.end_s) / 2);
  }

  travel(word, done) {
    if (!done) return this.ui.say(`nothing to ${word}`, "no");
    if (!this.selectedLabel && !this.selectedSuggestion) this.state.selected = null;
    this.ui.say(word === "undo" ? "undone · Shift U does it again" : "done again");
  }

  // The labels of a track carry its player's name.
  rename(track, player) {
    this.players.set(track, player);
    const stale = (one) => one.track === track && one.player !== player.name;
    if (!this.book.labels.some(stale)) return;
    this.book.change(this.book.labels.map((one) => (stale(one) ? Object.freeze({ ...one, player: player.name }) : one)));
  }
}
