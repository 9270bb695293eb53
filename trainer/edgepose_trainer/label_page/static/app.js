// Puts the page together and keeps its clock.

import { ask, put } from "./api.js";
import { Book } from "./book.js";
import { Dragging } from "./dragging.js";
import { fillHelp, listen } from "./keys.js";
import { clock, palette } from "./look.js";
import { Marking } from "./marking.js";
import { Motion } from "./motion.js";
import { Panel } from "./panel.js";
import { Picture } from "./picture.js";
import { Timeline } from "./timeline.js";

const at = (id) => document.getElementById(id);
const RATES = [0.1, 0.25, 0.5, 1, 2, 4];
const POLL_MS = 700;
const LONGEST_TICK_S = 0.25; // a page in the background does not leap when it comes back
const BEHIND_S = 0.4; // the clock waits for pictures that are so late
const LEAD_S = 0.4; // played before and after a selection

class Page {
  constructor(facts) {
    this.facts = facts;
    const best = facts.tracks.reduce((a, b) => (b[3] > (a?.[3] ?? -1) ? b : a), null); // who moves most plays
    this.state = { time: facts.start_s, chosen: best ? best[0] : null, selected: null, inPoint: null, label: null };
    this.playing = false;
    this.until = null;
    this.rate = 1;
    this.direction = 0;
    this.colours = palette();
    this.motion = new Motion(facts, () => this.dirty());
    this.book = new Book(() => this.dirty());
    this.marking = new Marking(facts, this.motion, this.book, this.state, this);
    this.picture = new Picture(at("picture"), facts, this.motion, () => this.dirty());
    this.timeline = new Timeline(at("timeline"), at("overview"), facts, this.motion);
    this.dragging = new Dragging(this.timeline, this.timelineActs());
    this.panel = new Panel(this.marking, this.book, this.state, this.panelActs());
  }

  async start() {
    await Promise.all([this.book.load(), this.motion.fetch(0)]);
    this.listen();
    this.dirty();
    this.poll();
  }

  // Draws once before the next picture of the screen, however often it is called.
  dirty() {
    this.pending ??= requestAnimationFrame((now) => {
      this.pending = null;
      this.tick(now);
      this.draw();
      if (this.playing) this.dirty();
    });
  }

  tick(now) {
    const passed = Math.min((now - (this.ticked ?? now)) / 1000, LONGEST_TICK_S);
    this.ticked = now;
    if (!this.playing) return;
    const wanted = this.motion.at(this.state.time);
    const late = this.picture.shown && this.state.time - this.picture.shown.time;
    if (!wanted || (this.facts.video && late > BEHIND_S * this.rate && !this.picture.cache.has(wanted.frame))) return;
    this.state.time = Math.min(this.state.time + passed * this.rate, this.facts.end_s);
    if (this.until !== null && this.state.time >= this.until.end) {
      this.state.time = this.until.back;
      this.pause();
    } else if (this.state.time >= this.facts.end_s) this.pause();
    this.timeline.follow(this.state.time, true);
  }

  draw() {
    const moment = this.motion.at(this.state.time);
    if (moment) {
      this.picture.want(moment, this.playing ? 1 : this.direction, this.playing ? this.rate : 0);
      const shown = this.picture.ready(moment);
      const names = new Map([...this.marking.players].map(([track, one]) => [track, one.name]));
      const stale = !this.playing && shown?.frame !== moment.frame;
      if (shown) this.picture.draw(shown, this.state.chosen, names, this.colours, stale);
      at("time").textContent = `${clock(this.state.time)} / ${clock(this.facts.end_s)}   frame ${moment.frame}`;
      at("time").dataset.frame = moment.frame;
    }
    const { marking, colours, state, book } = this;
    const { indexOf, nameOf, suggestions } = marking;
    this.timeline.draw({ ...state, labels: book.labels, suggestions, indexOf, nameOf, colours });
    this.panel.draw();
    const found = marking.found.length;
    const open = found ? `${suggestions.length} of ${found} suggestions open` : "no suggestions";
    at("suggesting").textContent = this.looking == null ? "" : [this.looking, open].filter(Boolean).join(" · ");
    at("play").textContent = this.playing ? "❚❚" : "▶";
    at("rate").textContent = this.rate === 1 ? "" : `× ${this.rate}`;
  }

  seek(time) {
    this.pause();
    this.direction = 0;
    this.state.time = Math.min(Math.max(time, this.facts.start_s), this.facts.end_s);
    this.timeline.follow(this.state.time, false);
    this.dirty();
  }

  play(start, end, back) {
    const { start_s, end_s } = this.facts;
    this.seek(Math.max(start - LEAD_S, start_s));
    this.until = { end: Math.min(end + LEAD_S, end_s), back };
    this.playing = true;
    this.ticked = null;
    this.dirty();
  }

  pause() {
    this.playing = false;
    this.until = null;
  }

  toggle = () => {
    if (this.playing) return this.pause();
    if (this.state.time >= this.facts.end_s - 1e-3) this.state.time = this.facts.start_s;
    this.until = null;
    this.playing = true;
    this.ticked = null;
  };

  step = (count) => {
    const here = this.motion.at(this.state.time);
    const there = here && this.motion.step(here, count);
    if (!there) return;
    this.seek(there.time);
    this.direction = Math.sign(count);
  };

  replay = () => {
    const one = this.marking.selectedLabel ?? this.marking.selectedSuggestion;
    const { time } = this.state;
    if (one) this.play(one.start_s, one.end_s, one.peak_s ?? (one.start_s + one.end_s) / 2);
    else this.play(time - LEAD_S, time + LEAD_S, time);
  };

  speed = (by) => {
    this.rate = RATES[Math.min(Math.max(RATES.indexOf(this.rate) + by, 0), RATES.length - 1)];
    this.say(`speed × ${this.rate}`);
  };

  nextPerson = (by) => {
    const moment = this.motion.at(this.state.time);
    const people = (moment?.people ?? []).filter(({ track }) => track >= 0).sort((a, b) => a.track - b.track);
    if (!people.length) return this.say("nobody with a number is in this picture", "no");
    const now = people.findIndex(({ track }) => track === this.state.chosen);
    this.choose(people[(now + by + people.length) % people.length].track);
  };

  choose(track) {
    this.state.chosen = track;
    this.say(`${this.marking.nameOf(track)} is chosen`);
    this.dirty();
  }

  closeView = () => {
    this.picture.close = !this.picture.close;
    this.say(this.picture.close ? "close view · Z: whole picture" : "whole picture");
  };

  zoom = (factor) => this.timeline.zoom(factor, this.state.time);

  letGo = () => {
    this.state.selected = this.state.inPoint = null;
    this.say("");
  };

  typeLabel = () => at("other").focus();

  help = () => at("help").showModal();

  say(words, kind = "yes") {
    at("hint").textContent = words;
    at("hint").dataset.kind = kind;
  }

  async name(track, player) {
    try {
      await put("player", { track, ...player });
      this.marking.rename(track, player);
    } catch (error) {
      this.say(`the name is not saved: ${error.message}`, "no");
    }
    this.dirty();
  }

  async poll() {
    try {
      const { state, share, error, found } = await ask("suggestions");
      this.marking.suggest(found);
      const told = { running: `looking for strokes ${Math.round(100 * share)} %`, done: "", none: null };
      this.looking = state in told ? told[state] : `suggestions failed: ${error}`;
      at("suggesting").dataset.state = state;
      if (state === "running") setTimeout(() => this.poll(), POLL_MS);
    } catch {
      setTimeout(() => this.poll(), 5 * POLL_MS);
    }
    this.dirty();
  }

  timelineActs() {
    return {
      draw: () => this.dirty(),
      find: (id) => this.book.find(id),
      seek: (time) => this.seek(time),
      accept: () => this.marking.accept(),
      pick: (item, time) => this.pick(item, time),
      dropped: () => this.book.keepPreview(),
      moved: (id, fields, shown) => {
        const rounded = Object.entries(fields).map(([name, time]) => [name, Math.round(time * 1e4) / 1e4]);
        this.book.preview(id, Object.fromEntries(rounded));
        this.seek(Math.round(shown * 1e4) / 1e4);
      },
    };
  }

  panelActs() {
    return {
      use: (label) => {
        this.marking.indexOf(label);
        this.marking.use(label);
        this.dirty();
      },
      pick: (item) => this.pick(item),
      name: (track, player) => this.name(track, player),
    };
  }

  // A time inside the item stays; without one the clock goes to its middle.
  pick(item, time) {
    this.marking.select(item);
    const one = this.marking.selectedLabel ?? this.marking.selectedSuggestion;
    if (one) this.seek(item.kind === "suggestion" ? one.peak_s : (time ?? (one.start_s + one.end_s) / 2));
  }

  listen() {
    listen({
      marking: this.marking, book: this.book, draw: () => this.dirty(), toggle: this.toggle, step: this.step,
      seek: (time) => this.seek(time), speed: this.speed, replay: this.replay, typeLabel: this.typeLabel,
      nextPerson: this.nextPerson, closeView: this.closeView, zoom: this.zoom, letGo: this.letGo, help: this.help,
    }); // prettier-ignore
    at("play").addEventListener("click", () => {
      this.toggle();
      this.dirty();
    });
    at("ask").addEventListener("click", this.help);
    at("close").addEventListener("click", () => at("help").close());
    at("theirs").addEventListener("click", () => this.book.takeTheirs().catch((error) => this.say(error.message, "no")));
    at("mine").addEventListener("click", () => this.book.writeMine());
    at("picture").addEventListener("pointerdown", (event) => {
      const track = this.picture.hit(event.offsetX, event.offsetY);
      if (track !== null) this.choose(track);
    });
    new ResizeObserver(() => this.dirty()).observe(at("stage"));
    window.addEventListener("resize", () => this.dirty());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.colours = palette();
      this.dirty();
    });
    window.addEventListener("beforeunload", (event) => this.book.state !== "saved" && event.preventDefault());
    fillHelp(document.querySelector("#help dl"));
  }
}

try {
  const facts = await ask("session");
  at("name").textContent = facts.name;
  document.title = `${facts.name} · label`;
  at("notes").textContent = facts.notes.join("\n");
  await new Page(facts).start();
  document.body.dataset.ready = "yes";
} catch (error) {
  at("saved").textContent = `cannot open the session: ${error.message}`;
  at("saved").dataset.state = "failed";
}
