// The labels: every change can be undone and is on its way to labels.csv at once.

import { ask, put, Refused } from "./api.js";

const RETRY_MS = 2000;
const UNDO_MOST = 500;

export class Book {
  constructor(told) {
    this.told = told; // called after every change of labels or of the state of saving
    this.labels = []; // frozen objects in time order; an edit makes a new array
    this.dismissed = new Set(); // keys of suggestions
    this.state = "saved"; // saved, saving, failed, changed
    this.why = "";
    this.past = [];
    this.future = [];
    this.ids = 0;
    this.waiting = false;
  }

  async load() {
    const { version, labels } = await ask("labels");
    this.version = version;
    this.labels = this.sorted(labels.map((one) => this.made(one)));
  }

  made({ start_s, end_s, label, track, player }) {
    return Object.freeze({ id: ++this.ids, start_s, end_s, label, track, player });
  }

  sorted(labels) {
    return [...labels].sort((a, b) => a.start_s - b.start_s || a.id - b.id);
  }

  find(id) {
    return this.labels.find((one) => one.id === id);
  }

  add(label) {
    const one = this.made(label);
    this.change([...this.labels, one]);
    return one.id;
  }

  edit(id, fields) {
    this.change(this.labels.map((one) => (one.id === id ? Object.freeze({ ...one, ...fields }) : one)));
  }

  remove(id) {
    this.change(this.labels.filter((one) => one.id !== id));
  }

  // A drag in work: seen, not yet kept.
  preview(id, fields) {
    this.before ??= this.labels;
    this.labels = this.before.map((one) => (one.id === id ? Object.freeze({ ...one, ...fields }) : one));
  }

  keepPreview() {
    if (!this.before) return;
    const labels = this.labels;
    this.labels = this.before;
    this.before = null;
    this.change(labels);
  }

  dismiss(key) {
    this.change(this.labels, new Set([...this.dismissed, key]));
  }

  change(labels, dismissed = this.dismissed) {
    this.past = [...this.past.slice(-UNDO_MOST), this.snapshot()];
    this.future = [];
    this.become({ labels: labels === this.labels ? labels : this.sorted(labels), dismissed });
  }

  snapshot() {
    return { labels: this.labels, dismissed: this.dismissed };
  }

  undo() {
    return this.travel(this.past, this.future);
  }

  redo() {
    return this.travel(this.future, this.past);
  }

  travel(from, to) {
    if (!from.length) return false;
    to.push(this.snapshot());
    this.become(from.pop());
    return true;
  }

  become({ labels, dismissed }) {
    const same = labels === this.labels;
    this.labels = labels;
    this.dismissed = dismissed;
    if (same) this.told();
    else this.save();
  }

  // One request at a time; what is changed meanwhile goes with the next one.
  async save() {
    if (this.state === "changed") return this.told();
    this.waiting = true;
    if (this.sending) return this.told();
    this.sending = true;
    this.say("saving");
    while (this.waiting) {
      this.waiting = false;
      await this.send();
    }
    this.sending = false;
  }

  async send() {
    const sent = this.labels;
    try {
      const { version } = await put("labels", { version: this.version, labels: sent.map(({ id, ...one }) => one) });
      this.version = version;
      if (!this.waiting) this.say("saved");
    } catch (error) {
      if (error instanceof Refused && error.status === 409) {
        this.theirs = error.answer.version;
        this.waiting = false;
        this.say("changed", error.message);
        return;
      }
      this.say("failed", error instanceof Refused ? error.message : "the server does not answer");
      await new Promise((done) => setTimeout(done, RETRY_MS));
      this.waiting = true;
    }
  }

  // The file that another program wrote takes the place of the page's labels; undo brings those back.
  async takeTheirs() {
    const { version, labels } = await ask("labels");
    this.past = [...this.past, this.snapshot()];
    this.version = version;
    this.labels = this.sorted(labels.map((one) => this.made(one)));
    this.say("saved");
  }

  writeMine() {
    this.version = this.theirs;
    this.say("saving");
    this.save();
  }

  say(state, why = "") {
    this.state = state;
    this.why = why;
    this.told();
  }
}
