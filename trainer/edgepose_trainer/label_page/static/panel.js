// The words round the picture: who, which labels there are, which were given, whether they are saved.

import { clock, labelColour, trackColour } from "./look.js";

const LISTED = 100; // labels in the list: those nearest to the time
const at = (id) => document.getElementById(id);

export class Panel {
  // ``acts``: use(label), pick(item), name(track, {name, handedness})
  constructor(marking, book, state, acts) {
    Object.assign(this, { marking, book, state, acts });
    const send = () => {
      if (state.chosen === null) return;
      acts.name(state.chosen, { name: at("player").value.trim() || null, handedness: at("hand").value || null });
    };
    at("player").addEventListener("change", send);
    at("hand").addEventListener("change", () => {
      send();
      at("hand").blur();
    });
    at("player").addEventListener("keydown", (event) => event.key === "Enter" && at("player").blur());
    at("other").addEventListener("keydown", (event) => {
      const label = at("other").value.trim();
      if (event.key !== "Enter" || !label) return;
      event.stopPropagation();
      at("other").value = "";
      at("other").blur();
      acts.use(label);
    });
    // A click must not take the keys away from the page.
    document.addEventListener("mousedown", (event) => event.target.closest("button") && event.preventDefault());
  }

  draw() {
    this.saved();
    this.who();
    this.chips();
    this.list();
  }

  saved() {
    const { state, why, labels } = this.book;
    const count = `${labels.length} label${labels.length === 1 ? "" : "s"}`;
    const words = { saved: `✓ ${count} saved`, saving: "saving …", failed: `not saved: ${why}`, changed: "not saved" };
    at("saved").textContent = words[state];
    at("saved").dataset.state = state;
    at("conflict").hidden = state !== "changed";
    at("conflict").querySelector("span").textContent = `${why}.`;
    at("count").textContent = labels.length ? `${labels.length}` : "none yet";
  }

  who() {
    const { chosen } = this.state;
    const player = this.marking.players.get(chosen);
    at("who").hidden = !this.marking.facts.tracks.length;
    at("track").textContent = chosen ?? "–";
    at("track").style.setProperty("--track", trackColour(chosen));
    for (const [id, value] of [["player", player?.name ?? ""], ["hand", player?.handedness ?? ""]]) {
      if (document.activeElement !== at(id)) at(id).value = value;
      at(id).disabled = chosen === null;
    }
  }

  chips() {
    const { names } = this.marking;
    if (at("chips").childElementCount !== names.length) {
      at("chips").replaceChildren(...names.map((label, index) => this.chip(label, index)));
      at("known").replaceChildren(...names.map((label) => new Option(label)));
    }
    const here = this.marking.selectedLabel?.label;
    for (const chip of at("chips").children) {
      chip.ariaPressed = `${chip.title === here}`;
      chip.dataset.used = chip.title === this.state.label ? "last" : "";
    }
  }

  chip(label, index) {
    const chip = document.createElement("button");
    const [key, word] = [document.createElement("kbd"), document.createElement("span")];
    key.textContent = index < 9 ? index + 1 : "";
    word.textContent = label.replaceAll("_", " ");
    chip.append(key, word);
    chip.title = label;
    chip.style.setProperty("--own", labelColour(index, label));
    chip.addEventListener("click", () => this.acts.use(label));
    return chip;
  }

  list() {
    const { labels } = this.book;
    const { selected, time } = this.state;
    const chosen = selected?.kind === "label" ? selected.id : null;
    if (this.seen === labels && this.seenChosen === chosen && (labels.length <= LISTED || !this.far(time))) return;
    [this.seen, this.seenChosen, this.seenTime] = [labels, chosen, time];
    const near = labels.findIndex((one) => (chosen === null ? one.end_s >= time : one.id === chosen));
    const middle = near < 0 ? labels.length : near;
    const first = Math.max(0, Math.min(middle - LISTED / 2, labels.length - LISTED));
    const lines = labels.slice(first, first + LISTED).map((one) => this.line(one, one.id === chosen));
    at("labels").replaceChildren(...lines);
    at("labels").querySelector("[aria-current=true]")?.scrollIntoView({ block: "nearest" });
  }

  far(time) {
    return Math.abs(time - this.seenTime) > 20;
  }

  line(label, isChosen) {
    const line = document.createElement("li");
    const [when, what, who] = [document.createElement("small"), document.createElement("b"), document.createElement("small")];
    when.textContent = clock(label.start_s);
    what.textContent = label.label.replaceAll("_", " ");
    who.textContent = label.player ?? (label.track === null ? "" : `${label.track}`);
    line.append(when, what, who);
    line.ariaCurrent = `${isChosen}`;
    line.style.setProperty("--own", labelColour(this.marking.indexOf(label.label), label.label));
    line.addEventListener("click", () => this.acts.pick({ kind: "label", id: label.id }));
    return line;
  }
}
