// Colours and words that several parts of the page share.

const TRACKS = ["#e07b00", "#1f8ad1", "#12a06e", "#c2417c", "#8a63d2", "#b09000", "#d14b3a", "#4a8a8f"];

export const trackColour = (track) => (track === null || track < 0 ? "#8a949e" : TRACKS[track % TRACKS.length]);

// Strokes in colour, what is no stroke in grey.
export const labelColour = (index, label, light = 42) =>
  label === "idle" || label === "unsure" ? "#6b7681" : `hsl(${(212 + index * 47) % 360} 55% ${light}%)`;

export function clock(time) {
  const sign = time < 0 ? "-" : "";
  const rest = Math.abs(time);
  const seconds = (rest % 60).toFixed(2).padStart(5, "0");
  const minutes = Math.floor(rest / 60) % 60;
  const hours = Math.floor(rest / 3600);
  return sign + (hours ? `${hours}:${String(minutes).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`);
}

export function palette() {
  const style = getComputedStyle(document.documentElement);
  return Object.fromEntries(
    ["ink", "soft", "paper", "card", "line", "strong", "stage", "play"].map((n) => [n, style.getPropertyValue(`--${n}`)]),
  );
}

// A context of the canvas in CSS pixels, sharp on every screen, cleared.
export function sharp(canvas) {
  const scale = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
  }
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}
