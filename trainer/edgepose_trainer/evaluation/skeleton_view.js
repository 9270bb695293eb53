// The report's 3D view: true pose and answer on one canvas; drag turns, the slider scrubs, Space plays.
// Written here, not bundled: drawing two stick figures needs two hundred lines, plotly or three.js megabytes a report.
"use strict";
(() => {
  const box = document.getElementById("view3d");
  const data = JSON.parse(document.getElementById("view3d-data").textContent);
  const canvas = box.querySelector("canvas");
  const pen = canvas.getContext("2d");
  const at = (name) => box.querySelector(`[data-is="${name}"]`);
  const UNKNOWN = -32768;
  const FIRST_VIEW = { yaw: 0.5, pitch: 0.25 };
  const VIEWS = { camera: () => [0, clip.tilt], side: () => [Math.PI / 2, 0], above: () => [0, STEEPEST] };
  const STEEPEST = Math.PI / 2 - 0.01;
  const STRIP = 56; // px of the error curve below
  let view = { ...FIRST_VIEW }, clip = null, frame = 0, playing = false, last = 0, grabbed = null;

  function numbers(text) {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Int16Array(bytes.buffer);
  }

  function choose(index) {
    const given = data.clips[index];
    clip = { ...given, truth: numbers(given.truth), found: numbers(given.found) };
    clip.frames = clip.errors.length;
    frame = Math.min(given.start, clip.frames - 1);
    clip.most = Math.max(50, ...clip.errors.filter((e) => e !== null));
    clip.ground = ground();
    clip.reach = reach();
    at("frame").max = clip.frames - 1;
    at("note").textContent = given.note;
    show();
  }

  function ground() { // y of the lowest true joint but for the lowest fiftieth, m
    const low = [];
    for (let f = 0; f < clip.frames; f++) {
      const ys = pose(clip.truth, f).filter(Boolean).map((p) => p[1]);
      if (ys.length) low.push(Math.max(...ys));
    }
    low.sort((a, b) => a - b);
    return low.length ? low[Math.floor(0.98 * (low.length - 1))] : 0.9;
  }

  function reach() { // m from the hips that must be on the canvas
    let far = 1;
    for (const table of [clip.truth, clip.found]) {
      for (let i = 0; i < table.length; i += 3) {
        if (table[i] !== UNKNOWN) far = Math.max(far, Math.hypot(table[i], table[i + 1], table[i + 2]) / 1000);
      }
    }
    return far;
  }

  function pose(table, f) { // metres; axes of a level camera: x right, y down, z away
    const points = [];
    for (let j = 0; j < data.joints.length; j++) {
      const i = 3 * (f * data.joints.length + j);
      points.push(table[i] === UNKNOWN ? null : [table[i] / 1000, table[i + 1] / 1000, table[i + 2] / 1000]);
    }
    return points;
  }

  function placed(p, width, height) { // -> [x px, y px, depth m]
    const [cy, sy, cp, sp] = [Math.cos(view.yaw), Math.sin(view.yaw), Math.cos(view.pitch), Math.sin(view.pitch)];
    const x = p[0] * cy + p[2] * sy, away = -p[0] * sy + p[2] * cy;
    const y = p[1] * cp + away * sp, z = -p[1] * sp + away * cp;
    const depth = z + 4.6, scale = 2.1 / clip.reach * Math.min(width, height) / Math.max(depth, 0.3);
    return [width / 2 + x * scale, height * 0.5 + y * scale, depth];
  }

  function colours() {
    const style = getComputedStyle(document.body);
    const ink = (name) => style.getPropertyValue(name).trim();
    return { ink: ink("--ink"), soft: ink("--soft"), line: ink("--line"), left: "#2e9bf0", right: "#f07d10" };
  }

  function segment(a, b, colour, width) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(a[0], a[1]);
    pen.lineTo(b[0], b[1]);
    pen.stroke();
  }

  function floor(width, height, colour) {
    for (let k = -4; k <= 4; k++) {
      for (const ends of [[[k / 2, -2], [k / 2, 2]], [[-2, k / 2], [2, k / 2]]]) {
        const [a, b] = ends.map(([x, z]) => placed([x, clip.ground, z], width, height));
        if (a[2] > 0.4 && b[2] > 0.4) segment(a, b, colour, 1);
      }
    }
  }

  function bones(points, width, height, colour, thick) {
    const seen = points.map((p) => p && placed(p, width, height));
    return data.edges.filter(([a, b]) => seen[a] && seen[b]).map(([a, b, side]) => ({
      depth: (seen[a][2] + seen[b][2]) / 2,
      draw: () => segment(seen[a], seen[b], colour(side), thick),
    }));
  }

  function draw() {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight - STRIP;
    canvas.width = width * ratio;
    canvas.height = canvas.clientHeight * ratio;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, canvas.clientHeight);
    pen.lineCap = "round";
    const ink = colours();
    floor(width, height, ink.line);
    const lines = [];
    if (at("truth").checked) lines.push(...bones(pose(clip.truth, frame), width, height, () => ink.soft, 3));
    if (at("answer").checked) {
      lines.push(...bones(pose(clip.found, frame), width, height, (side) => ink[side] || ink.ink, 5));
    }
    lines.sort((a, b) => b.depth - a.depth).forEach((line) => line.draw());
    curve(width, height, ink);
  }

  function curve(width, height, ink) { // mean error of every frame; a gap is a frame without an answer
    const x = (f) => 8 + (width - 16) * f / Math.max(1, clip.frames - 1);
    const y = (e) => height + STRIP - 6 - (STRIP - 22) * e / clip.most;
    pen.fillStyle = ink.soft;
    pen.font = "11px system-ui, sans-serif";
    pen.fillText(`mean error of the frames, up to ${clip.most.toFixed(0)} mm`, 8, height + 11);
    for (let f = 1; f < clip.frames; f++) {
      if (clip.errors[f] !== null && clip.errors[f - 1] !== null) {
        segment([x(f - 1), y(clip.errors[f - 1])], [x(f), y(clip.errors[f])], ink.soft, 1.5);
      }
    }
    segment([x(frame), height + 15], [x(frame), height + STRIP - 4], ink.ink, 1);
  }

  function show() {
    at("frame").value = frame;
    const error = clip.errors[frame];
    const said = error === null ? "no answer" : `${error.toFixed(0)} mm`;
    at("time").textContent = `${(clip.from_s + frame / clip.rate).toFixed(2)} s, ${said}`;
    at("play").textContent = playing ? "Pause" : "Play";
    draw();
  }

  function tick(now) {
    if (!playing) return;
    if (now - last >= 1000 / clip.rate) {
      frame = (frame + 1) % clip.frames;
      last = now;
      show();
    }
    requestAnimationFrame(tick);
  }

  function play(wanted) {
    playing = wanted;
    show();
    if (playing) requestAnimationFrame(tick);
  }

  function turn(yaw, pitch) {
    view = { yaw, pitch: Math.max(-0.2, Math.min(STEEPEST, pitch)) };
    draw();
  }

  canvas.addEventListener("pointerdown", (event) => {
    grabbed = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grabbed) return;
    turn(view.yaw + (event.clientX - grabbed[0]) * 0.01, view.pitch + (event.clientY - grabbed[1]) * 0.01);
    grabbed = [event.clientX, event.clientY];
  });
  for (const ended of ["pointerup", "pointercancel"]) canvas.addEventListener(ended, () => { grabbed = null; });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] }[event.key];
    if (step) turn(view.yaw + step[0], view.pitch + step[1]);
    if (event.key === " ") play(!playing);
    if (step || event.key === " ") event.preventDefault();
  });
  at("frame").addEventListener("input", (event) => { frame = Number(event.target.value); playing = false; show(); });
  at("play").addEventListener("click", () => play(!playing));
  at("clip").addEventListener("change", (event) => choose(Number(event.target.value)));
  for (const name of ["truth", "answer"]) at(name).addEventListener("change", draw);
  for (const name of Object.keys(VIEWS)) at(name).addEventListener("click", () => turn(...VIEWS[name]()));
  window.addEventListener("resize", draw);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  data.clips.forEach((given, index) => at("clip").add(new Option(given.name, index)));
  choose(0);
  box.dataset.ready = "yes";
})();
