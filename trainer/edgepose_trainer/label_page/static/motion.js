// The session's frames and people, in pieces of some seconds that are fetched as they are needed.

import { ask } from "./api.js";

const KEPT = 12; // pieces: two minutes
const SAME_S = 5e-4; // server times are rounded to 0.1 ms

export class Motion {
  constructor(facts, told) {
    this.facts = facts;
    this.told = told; // called when a piece has come
    this.pieces = new Map(); // number -> piece, or null while it is on its way; oldest use first
    this.last = Math.floor((facts.end_s - facts.start_s) / facts.piece_s);
  }

  number(time) {
    const number = Math.floor((time - this.facts.start_s) / this.facts.piece_s);
    return Math.min(Math.max(number, 0), this.last);
  }

  // The piece of that number, or undefined while it is fetched.
  piece(number) {
    if (number < 0 || number > this.last) return undefined;
    if (!this.pieces.has(number)) {
      this.pieces.set(number, null);
      this.fetch(number);
    }
    const piece = this.pieces.get(number);
    if (piece) {
      this.pieces.delete(number);
      this.pieces.set(number, piece);
    }
    return piece ?? undefined;
  }

  async fetch(number) {
    try {
      const piece = await ask(`poses/${number}`);
      piece.seen = piece.frames.map(() => []);
      for (const person of piece.people) person.at.forEach((at, row) => piece.seen[at].push({ person, row }));
      this.pieces.set(number, piece);
    } catch {
      setTimeout(() => this.pieces.delete(number), 1000);
      return;
    }
    for (const old of this.pieces.keys()) {
      if (this.pieces.size <= KEPT) break;
      this.pieces.delete(old);
    }
    this.told();
  }

  // The frame that is seen at a time: the last one before it; undefined while it is not there yet.
  at(time) {
    for (let number = this.number(time); number >= 0; number--) {
      const piece = this.piece(number);
      if (!piece) return undefined;
      const index = last(piece.times, time + SAME_S);
      if (index >= 0) return new Moment(piece, index);
    }
    const first = this.piece(0);
    return first && first.times.length ? new Moment(first, 0) : undefined;
  }

  // The frame ``count`` later or earlier, at most the first or last; undefined while it is not there.
  step(moment, count) {
    let { piece, index } = moment;
    index += count;
    while (index < 0 && piece.number > 0) {
      piece = this.piece(piece.number - 1);
      if (!piece) return undefined;
      index += piece.times.length;
    }
    while (index >= piece.times.length && piece.number < this.last) {
      index -= piece.times.length;
      piece = this.piece(piece.number + 1);
      if (!piece) return undefined;
    }
    return new Moment(piece, Math.min(Math.max(index, 0), piece.times.length - 1));
  }

  // Whether every piece of a span is there.
  has(start, end) {
    return this.between(start, end).length === this.number(end) - this.number(start) + 1;
  }

  // Pieces that are there and overlap a span; the others are asked for.
  between(start, end) {
    const found = [];
    for (let number = this.number(start); number <= this.number(end); number++) {
      const piece = this.piece(number);
      if (piece) found.push(piece);
    }
    return found;
  }
}

class Moment {
  constructor(piece, index) {
    this.piece = piece;
    this.index = index;
    this.time = piece.times[index];
    this.frame = piece.frames[index];
  }

  // [{track, points: [x, y, confidence %, …]}]
  get people() {
    return this.piece.seen[this.index].map(({ person, row }) => ({ track: person.track, points: person.points[row] }));
  }
}

// Index of the last number that is not above the limit; -1 when there is none.
export function last(ascending, limit) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
