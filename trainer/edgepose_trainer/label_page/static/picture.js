// The picture of one frame with its people; pictures are fetched a little ahead of what is seen.

import { pictures } from "./api.js";
import { sharp, trackColour } from "./look.js";

const KEPT = 64; // pictures; a bitmap is some 2 MB
const BATCH = 8;
const SURE = 20; // % confidence from which a joint is drawn firmly
const HIT = 28; // px on the screen round a person's joints
const NEAR_S = 0.6; // the close view is centred on the person's middle over this time on either side

export class Picture {
  constructor(canvas, facts, motion, told) {
    Object.assign(this, { canvas, facts, motion, told });
    this.cache = new Map(); // frame -> bitmap, or null where the video has none
    this.width = 0;
    this.close = false; // zoomed in on the chosen person
    this.cost_s = 0.03; // of one picture, measured
    this.shown = null;
  }

  // The best moment to draw when ``moment`` is wanted: itself once its picture is there, else the one shown before.
  ready(moment) {
    if (!this.facts.video || this.cache.has(moment.frame)) return moment;
    return this.shown && this.cache.has(this.shown.frame) ? this.shown : null;
  }

  // Asks for the pictures that are wanted next: ahead when playing, behind when stepping back.
  want(moment, direction, rate) {
    if (!this.facts.video) return;
    const width = this.wantedWidth();
    if (width !== this.width) {
      this.width = width;
      this.stop();
      this.cache.clear();
    }
    const frames = this.ahead(moment, direction, rate).filter((frame) => !this.cache.has(frame));
    if (!frames.length) return;
    if (this.asked?.has(moment.frame) || (this.asked && this.cache.has(moment.frame))) return; // it is on its way
    this.stop();
    this.fetch(frames);
  }

  ahead(moment, direction, rate) {
    const frames = [moment.frame];
    if (!direction) return frames;
    const apart = direction > 0 ? this.cost_s * rate : 0; // a slow machine shows fewer pictures, not later ones
    let next = moment;
    let due = moment.time + apart;
    for (let tries = 0; frames.length < BATCH && tries < 200; tries++) {
      const after = this.motion.step(next, direction);
      if (!after || after.frame === next.frame) break;
      next = after;
      if (direction > 0 && next.time < due) continue;
      frames.push(next.frame);
      due = next.time + apart;
    }
    return direction < 0 ? frames.reverse() : frames;
  }

  async fetch(frames) {
    const abort = new AbortController();
    this.abort = abort;
    this.asked = new Set(frames);
    let before = performance.now();
    try {
      for await (const [frame, bitmap] of pictures(frames, this.width, abort.signal)) {
        if (abort.signal.aborted) return;
        this.cost_s = 0.8 * this.cost_s + 0.2e-3 * Math.min(performance.now() - before, 200);
        before = performance.now();
        this.keep(frame, bitmap);
        this.told();
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      await new Promise((done) => setTimeout(done, 500)); // the server is away or busy: asked again, not at once
    }
    if (this.abort === abort) {
      this.abort = this.asked = null;
      this.told();
    }
  }

  keep(frame, bitmap) {
    this.cache.set(frame, bitmap);
    for (const [old, image] of this.cache) {
      if (this.cache.size <= KEPT) break;
      this.cache.delete(old);
      image?.close();
    }
  }

  stop() {
    this.abort?.abort();
    this.abort = this.asked = null;
  }

  wantedWidth() {
    if (this.close) return this.facts.width;
    const wanted = Math.ceil((this.canvas.clientWidth * (window.devicePixelRatio || 1)) / 320) * 320;
    return Math.min(wanted || 640, this.facts.width);
  }

  // ``stale``: another moment is wanted, its picture is on its way.
  draw(moment, chosen, names, colours, stale) {
    const { context, width, height } = sharp(this.canvas);
    this.canvas.style.opacity = stale ? 0.55 : 1;
    this.shown = moment;
    this.view = this.viewOf(moment, chosen, width, height);
    const { scale, x, y } = this.view;
    const bitmap = this.cache.get(moment.frame);
    if (bitmap) context.drawImage(bitmap, x, y, this.facts.width * scale, this.facts.height * scale);
    else {
      context.strokeStyle = colours.line;
      context.strokeRect(x + 0.5, y + 0.5, this.facts.width * scale - 1, this.facts.height * scale - 1);
    }
    const people = moment.people.sort((a, b) => (a.track === chosen) - (b.track === chosen));
    for (const person of people) this.person(context, person, person.track === chosen, names, Boolean(bitmap));
  }

  viewOf(moment, chosen, width, height) {
    const { width: w, height: h } = this.facts;
    const whole = Math.min(width / w, height / h);
    const box = this.close ? this.middle(moment, chosen) : null;
    if (!box) return { scale: whole, x: (width - w * whole) / 2, y: (height - h * whole) / 2 };
    const scale = Math.max(whole, Math.min((0.5 * height) / box.height, 12 * whole));
    const inside = (place, size, room) => (size < room ? (room - size) / 2 : Math.min(0, Math.max(place, room - size)));
    return {
      scale,
      x: inside(width / 2 - box.x * scale, w * scale, width),
      y: inside(height / 2 - box.y * scale, h * scale, height),
    };
  }

  // Where the chosen person is round about the moment, so that the close view does not shake.
  middle(moment, chosen) {
    const sum = { x: 0, y: 0, height: 0 };
    let weights = 0;
    for (const { person, row, time } of this.motion
      .between(moment.time - NEAR_S, moment.time + NEAR_S)
      .flatMap((piece) => rows(piece, chosen))) {
      const weight = 1 - Math.abs(time - moment.time) / NEAR_S;
      const box = weight > 0 && boxOf(person.points[row]);
      if (!box) continue;
      weights += weight;
      sum.x += (weight * (box[0] + box[2])) / 2;
      sum.y += (weight * (box[1] + box[3])) / 2;
      sum.height += weight * (box[3] - box[1]);
    }
    return weights ? { x: sum.x / weights, y: sum.y / weights, height: Math.max(sum.height / weights, 20) } : null;
  }

  person(context, { track, points }, isChosen, names, onVideo) {
    const { scale, x, y } = this.view;
    const at = (joint) => [x + points[3 * joint] * scale, y + points[3 * joint + 1] * scale];
    context.lineCap = "round";
    for (const [outline, colour] of onVideo && isChosen ? [[2.5, "#000a"], [0, trackColour(track)]] : [[0, trackColour(track)]]) {
      context.strokeStyle = colour;
      context.lineWidth = (isChosen ? 3 : 1.6) + outline;
      for (const [a, b] of this.facts.edges) {
        const sure = Math.min(points[3 * a + 2], points[3 * b + 2]);
        if (!sure) continue;
        context.globalAlpha = (sure < SURE ? 0.35 : 1) * (isChosen ? 1 : 0.65);
        context.beginPath();
        context.moveTo(...at(a));
        context.lineTo(...at(b));
        context.stroke();
      }
    }
    context.globalAlpha = 1;
    this.tag(context, track, points, isChosen, names);
  }

  tag(context, track, points, isChosen, names) {
    const box = boxOf(points);
    if (!box || track < 0) return;
    const { scale, x, y } = this.view;
    const text = names.get(track) || `${track}`;
    context.font = `${isChosen ? 600 : 400} 12px system-ui, sans-serif`;
    const width = context.measureText(text).width + 10;
    const left = x + ((box[0] + box[2]) / 2) * scale - width / 2;
    const top = y + box[1] * scale - 24;
    context.fillStyle = isChosen ? trackColour(track) : "#000a";
    context.beginPath();
    context.roundRect(left, top, width, 17, 4);
    context.fill();
    context.fillStyle = "#fff";
    context.fillText(text, left + 5, top + 12.5);
  }

  // The track of the person at a place of the canvas; null where nobody is.
  hit(px, py) {
    if (!this.shown || !this.view) return null;
    const { scale, x, y } = this.view;
    let best = { distance: HIT, track: null };
    for (const { track, points } of this.shown.people) {
      if (track < 0) continue;
      const box = boxOf(points);
      if (!box) continue;
      const [x1, y1, x2, y2] = [x + box[0] * scale, y + box[1] * scale - 24, x + box[2] * scale, y + box[3] * scale];
      const outside = Math.hypot(Math.max(x1 - px, 0, px - x2), Math.max(y1 - py, 0, py - y2));
      const middle = Math.hypot((x1 + x2) / 2 - px, (y1 + y2) / 2 - py) / 1e4;
      if (outside + middle < best.distance) best = { distance: outside + middle, track };
    }
    return best.track;
  }
}

function rows(piece, track) {
  const person = piece.people.find((one) => one.track === track);
  return person ? person.at.map((at, row) => ({ person, row, time: piece.times[at] })) : [];
}

// x1, y1, x2, y2 of the joints that are known; null when none is.
export function boxOf(points) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i += 3) {
    if (!points[i + 2]) continue;
    box[0] = Math.min(box[0], points[i]);
    box[1] = Math.min(box[1], points[i + 1]);
    box[2] = Math.max(box[2], points[i]);
    box[3] = Math.max(box[3], points[i + 1]);
  }
  return box[0] < Infinity ? box : null;
}
