// The timeline: ruler, wrist speed, labels, suggestions; below it the whole session.

import { clock, labelColour, sharp, trackColour } from "./look.js";

const RULER = 18;
const SPEED = 58;
const ROW = 21;
const ROWS = 3;
const LABELS = RULER + SPEED + 4;
const SUGGESTIONS = LABELS + ROWS * ROW + 3;
const GAP_S = 0.3; // longer gaps break the curve
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800];
const LEAST_S = 1;

export class Timeline {
  constructor(canvas, overview, facts, motion) {
    Object.assign(this, { canvas, overview, facts, motion });
    this.span = Math.min(Math.max(facts.end_s - facts.start_s, LEAST_S), 12);
    this.start = facts.start_s;
    this.hits = []; // where labels and suggestions were drawn: {x1, x2, top, bottom, item}
    this.fastest = [...facts.overview].sort((a, b) => a - b)[Math.floor(0.99 * (facts.overview.length - 1))] || 1;
  }

  x(time) {
    return ((time - this.start) / this.span) * this.canvas.clientWidth;
  }

  time(x) {
    return this.start + (x / this.canvas.clientWidth) * this.span;
  }

  zoom(factor, round) {
    const share = (round - this.start) / this.span;
    const longest = Math.max(this.facts.end_s - this.facts.start_s, LEAST_S);
    this.span = Math.min(Math.max(this.span * factor, LEAST_S), Math.min(longest, 600));
    this.pan(round - share * this.span);
  }

  pan(start) {
    this.start = Math.max(this.facts.start_s, Math.min(start, this.facts.end_s - this.span));
  }

  // Keeps a time in view; while playing the view turns its page before the end.
  follow(time, playing) {
    const share = (time - this.start) / this.span;
    if (share < 0 || share > 1) this.pan(time - this.span / 2);
    else if (playing && share > 0.9) this.pan(time - this.span * 0.1);
  }

  draw(state) {
    const { context, width, height } = sharp(this.canvas);
    context.font = "11px system-ui, sans-serif";
    context.textBaseline = "middle";
    this.hits = [];
    this.ruler(context, width, height, state.colours);
    this.speed(context, width, state);
    this.labels(context, width, state);
    this.suggestions(context, width, state);
    if (state.inPoint !== null) this.line(context, this.x(state.inPoint), height, state.colours.strong, [3, 3]);
    this.line(context, this.x(state.time), height, state.colours.play, []);
    this.whole(state);
  }

  line(context, x, height, colour, dash) {
    context.strokeStyle = colour;
    context.lineWidth = 1.5;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, 0);
    context.lineTo(x, height);
    context.stroke();
    context.setLineDash([]);
  }

  ruler(context, width, height, colours) {
    const step = STEPS.find((one) => (one / this.span) * width > 64) ?? 3600;
    context.lineWidth = 1;
    for (let i = Math.ceil(this.start / step); i * step <= this.start + this.span; i++) {
      const x = Math.round(this.x(i * step)) + 0.5;
      context.strokeStyle = colours.line;
      context.beginPath();
      context.moveTo(x, 0);
      context.lineTo(x, height);
      context.stroke();
      context.fillStyle = colours.soft;
      context.fillText(clock(i * step).replace(/0$/, "").replace(/\.0$/, ""), x + 4, RULER / 2);
    }
  }

  speed(context, width, { chosen, colours }) {
    const base = RULER + SPEED;
    context.fillStyle = colours.soft;
    context.fillText("wrist speed", 4, RULER + 7);
    const curves = new Map();
    for (const piece of this.motion.between(this.start, this.start + this.span)) {
      for (const { track, at, speed } of piece.people) {
        if (track < 0) continue;
        if (!curves.has(track)) curves.set(track, []);
        at.forEach((index, row) => curves.get(track).push([piece.times[index], speed[row]]));
      }
    }
    const last = [...curves].sort(([a], [b]) => (a === chosen) - (b === chosen));
    for (const [track, points] of last) this.curve(context, track, points, track === chosen, base);
    context.strokeStyle = colours.line;
    context.beginPath();
    context.moveTo(0, base + 0.5);
    context.lineTo(width, base + 0.5);
    context.stroke();
  }

  // ``points``: [time, speed or null] in time order.
  curve(context, track, points, isChosen, base) {
    const path = new Path2D();
    const area = new Path2D();
    let open = false;
    let before = -Infinity;
    for (const [time, speed] of points) {
      if (speed === null || time - before > GAP_S) {
        if (open) area.lineTo(this.x(before), base);
        open = false;
      }
      if (speed === null) continue;
      const [x, y] = [this.x(time), base - Math.min(speed / this.fastest, 1) * (SPEED - 6)];
      if (!open) {
        path.moveTo(x, y);
        area.moveTo(x, base);
      }
      path.lineTo(x, y);
      area.lineTo(x, y);
      open = true;
      before = time;
    }
    const colour = trackColour(track);
    if (open) area.lineTo(this.x(before), base);
    context.globalAlpha = 0.2;
    context.fillStyle = colour;
    if (isChosen) context.fill(area);
    context.globalAlpha = isChosen ? 1 : 0.4;
    context.strokeStyle = colour;
    context.lineWidth = isChosen ? 1.6 : 1;
    context.stroke(path);
    context.globalAlpha = 1;
  }

  labels(context, width, state) {
    const free = [];
    for (const label of state.labels) {
      if (label.start_s > this.start + this.span) break;
      if (label.end_s < this.start) continue;
      let row = free.findIndex((end) => end <= label.start_s);
      if (row < 0) row = Math.min(free.length, ROWS - 1);
      free[row] = Math.max(free[row] ?? -Infinity, label.end_s);
      this.label(context, label, LABELS + row * ROW, state);
    }
  }

  label(context, label, top, { selected, chosen, indexOf, nameOf, colours }) {
    const [x1, x2] = [this.x(label.start_s), Math.max(this.x(label.end_s), this.x(label.start_s) + 3)];
    const isSelected = selected?.kind === "label" && selected.id === label.id;
    const own = label.track === null || label.track === chosen || chosen === null;
    context.globalAlpha = own || isSelected ? 1 : 0.4;
    context.fillStyle = labelColour(indexOf(label.label), label.label);
    context.beginPath();
    context.roundRect(x1, top, x2 - x1, ROW - 3, 4);
    context.fill();
    if (isSelected) {
      context.strokeStyle = colours.ink;
      context.lineWidth = 2;
      context.stroke();
    }
    context.save();
    context.clip();
    context.fillStyle = "#fff";
    const alone = this.facts.tracks.length < 2;
    const who = label.player || (alone || label.track === null ? "" : nameOf(label.track));
    context.fillText(who ? `${label.label} · ${who}` : label.label, Math.max(x1, 0) + 6, top + (ROW - 3) / 2 + 0.5);
    context.restore();
    context.globalAlpha = 1;
    this.hits.push({ x1, x2, top, bottom: top + ROW - 3, item: { kind: "label", id: label.id } });
  }

  suggestions(context, width, { suggestions, selected, chosen, indexOf, colours }) {
    for (const one of suggestions) {
      if (one.end_s < this.start || one.start_s > this.start + this.span) continue;
      const [x1, x2] = [this.x(one.start_s), this.x(one.end_s)];
      const isSelected = selected?.kind === "suggestion" && selected.key === one.key;
      const colour = labelColour(indexOf(one.label), one.label);
      context.globalAlpha = isSelected || one.track === null || one.track === chosen ? 1 : 0.5;
      context.beginPath();
      context.roundRect(x1 + 1, SUGGESTIONS, x2 - x1 - 2, ROW - 4, 4);
      context.fillStyle = isSelected ? colour : colours.card;
      context.fill();
      context.setLineDash([4, 3]);
      context.lineWidth = isSelected ? 2.5 : 1.5;
      context.strokeStyle = isSelected ? colours.ink : labelColour(indexOf(one.label), one.label, 58);
      context.stroke();
      context.setLineDash([]);
      context.save();
      context.clip();
      context.fillStyle = isSelected ? "#fff" : colours.ink;
      context.fillText(`${one.label}? ${one.score.toFixed(2)}`, Math.max(x1, 0) + 6, SUGGESTIONS + (ROW - 4) / 2 + 0.5);
      context.restore();
      context.globalAlpha = 1;
      const item = { kind: "suggestion", key: one.key };
      this.hits.push({ x1, x2, top: SUGGESTIONS, bottom: SUGGESTIONS + ROW, item });
    }
  }

  whole({ labels, suggestions, time, indexOf, colours }) {
    const { context, width, height } = sharp(this.overview);
    const { start_s, end_s, overview } = this.facts;
    const x = (t) => ((t - start_s) / (end_s - start_s || 1)) * width;
    context.fillStyle = colours.card;
    context.fillRect(0, 0, width, height);
    context.fillStyle = colours.soft;
    context.globalAlpha = 0.45;
    overview.forEach((speed, i) => {
      const tall = Math.min(speed / this.fastest, 1) * (height - 14);
      context.fillRect((i / overview.length) * width, height - 4 - tall, Math.max(width / overview.length, 1), tall);
    });
    context.globalAlpha = 1;
    for (const one of labels) {
      context.fillStyle = labelColour(indexOf(one.label), one.label);
      context.fillRect(x(one.start_s), 0, Math.max(x(one.end_s) - x(one.start_s), 2), 7);
    }
    context.fillStyle = colours.strong;
    for (const one of suggestions) context.fillRect(x(one.peak_s) - 1, height - 7, 2, 7);
    context.strokeStyle = colours.strong;
    context.lineWidth = 1.5;
    context.strokeRect(x(this.start), 1, Math.max(x(this.start + this.span) - x(this.start), 3), height - 2);
    this.line(context, x(time), height, colours.play, []);
  }
}
