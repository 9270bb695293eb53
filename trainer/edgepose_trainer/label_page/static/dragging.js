// The pointer on the timeline: seek, pick, drag a label or its edges, zoom; on the whole session: jump.

const EDGE = 7; // px on either side of an edge that can be dragged
const SHORTEST_S = 0.05;

export class Dragging {
  // ``acts``: draw(), find(id), seek(time), pick(item, time), moved(id, fields, shown), dropped(), accept()
  constructor(timeline, acts) {
    this.timeline = timeline;
    this.acts = acts;
    this.drag = null;
    this.listen();
  }

  listen() {
    const { canvas, overview } = this.timeline;
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.release());
    canvas.addEventListener("dblclick", (event) => this.under(event)?.item.kind === "suggestion" && this.acts.accept());
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    const jump = (event) => {
      const { start_s, end_s } = this.timeline.facts;
      this.acts.seek(start_s + (event.offsetX / overview.clientWidth) * (end_s - start_s));
    };
    overview.addEventListener("pointerdown", (event) => {
      overview.setPointerCapture(event.pointerId);
      jump(event);
    });
    overview.addEventListener("pointermove", (event) => event.buttons && jump(event));
  }

  wheel(event) {
    event.preventDefault();
    const across = event.shiftKey ? event.deltaY : event.deltaX;
    if (Math.abs(across) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
      this.timeline.pan(this.timeline.start + (across / this.timeline.canvas.clientWidth) * this.timeline.span);
    } else this.timeline.zoom(event.deltaY > 0 ? 1.2 : 1 / 1.2, this.timeline.time(event.offsetX));
    this.acts.draw();
  }

  under({ offsetX: x, offsetY: y }) {
    const at = (hit) => x >= hit.x1 - EDGE && x <= hit.x2 + EDGE && y >= hit.top && y <= hit.bottom;
    const inside = (hit) => x >= hit.x1 && x <= hit.x2;
    const found = this.timeline.hits.filter(at);
    return found.find(inside) ?? found[0];
  }

  part(hit, x) {
    const reach = Math.min(EDGE, (hit.x2 - hit.x1) / 4);
    if (x <= hit.x1 + reach) return "start_s";
    return x >= hit.x2 - reach ? "end_s" : "both";
  }

  press(event) {
    this.timeline.canvas.setPointerCapture(event.pointerId);
    const hit = this.under(event);
    if (hit) this.acts.pick(hit.item, this.timeline.time(event.offsetX));
    else this.acts.seek(this.timeline.time(event.offsetX));
    const label = hit?.item.kind === "label" ? this.acts.find(hit.item.id) : null;
    this.drag = { from: event.offsetX, label, part: hit && this.part(hit, event.offsetX), scrub: !hit, moved: false };
  }

  move(event) {
    const { drag } = this;
    if (!drag) {
      const hit = this.under(event);
      const part = hit?.item.kind === "label" && this.part(hit, event.offsetX);
      this.timeline.canvas.style.cursor = !hit ? "default" : part && part !== "both" ? "ew-resize" : "pointer";
      return;
    }
    if (drag.scrub) this.acts.seek(this.timeline.time(event.offsetX));
    drag.moved ||= Math.abs(event.offsetX - drag.from) > 3;
    if (drag.label && drag.moved) this.stretch(drag, this.timeline.time(event.offsetX) - this.timeline.time(drag.from));
  }

  stretch({ label, part }, by) {
    const { start_s: low, end_s: high } = this.timeline.facts;
    const length = label.end_s - label.start_s;
    const start = Math.min(Math.max(label.start_s + by, low), part === "both" ? high - length : label.end_s - SHORTEST_S);
    const end = Math.max(Math.min(label.end_s + by, high), label.start_s + SHORTEST_S);
    if (part === "start_s") this.acts.moved(label.id, { start_s: start }, start);
    else if (part === "end_s") this.acts.moved(label.id, { end_s: end }, end);
    else this.acts.moved(label.id, { start_s: start, end_s: start + length }, start + length / 2);
  }

  release() {
    if (this.drag?.label && this.drag.moved) this.acts.dropped();
    this.drag = null;
  }
}
