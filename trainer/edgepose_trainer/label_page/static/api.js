// Asks the server that the page came from; every address lies below the page's own key.

export class Refused extends Error {
  constructor(status, answer) {
    super(answer.error ?? `the server says ${status}`);
    this.status = status;
    this.answer = answer;
  }
}

export async function ask(path, options = {}) {
  const response = await fetch(path, { cache: "no-store", ...options });
  const answer = await response.json();
  if (!response.ok) throw new Refused(response.status, answer);
  return answer;
}

export function put(path, body) {
  return ask(path, { method: "PUT", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
}

// Bitmaps of the given frames, one by one as they come: [frame, ImageBitmap or null].
export async function* pictures(frames, width, signal) {
  const response = await fetch(`pictures?frames=${frames.join(",")}&width=${width}`, { signal });
  if (!response.ok) throw new Refused(response.status, await response.json());
  const reader = response.body.getReader();
  let bytes = new Uint8Array(0);
  const fill = async (wanted) => {
    while (bytes.length < wanted) {
      const { done, value } = await reader.read();
      if (done) throw new Error("the pictures were cut off");
      const more = new Uint8Array(bytes.length + value.length);
      more.set(bytes);
      more.set(value, bytes.length);
      bytes = more;
    }
  };
  for (const frame of frames) {
    await fill(4);
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    await fill(4 + length);
    const jpeg = bytes.slice(4, 4 + length);
    bytes = bytes.slice(4 + length);
    yield [frame, length ? await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" })) : null];
  }
}
