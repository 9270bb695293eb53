// Keys, and the list of them that ? shows.

const GROUPS = [
  ["Space", "play, stop"],
  ["← →", "a frame back, on"],
  ["Shift ← →", "ten frames"],
  ["Home End", "start, end of the session"],
  [", .", "slower, faster"],
  ["R", "play the selection once"],
  ["1 … 9", "mark a stroke here; on a label or suggestion: correct it"],
  ["L", "another label, typed"],
  ["I O", "in and out point of the last label used"],
  ["[ ]", "start, end of the selected label to here"],
  ["↑ ↓", "previous, next label"],
  ["N P", "next, previous suggestion"],
  ["Enter", "accept the suggestion"],
  ["Delete", "remove the label, dismiss the suggestion"],
  ["U, Ctrl Z", "undo; Shift U: redo"],
  ["Tab", "next person; Shift Tab: the one before"],
  ["Z", "close view of the person"],
  ["+ −, wheel", "zoom the timeline; Shift wheel: move it"],
  ["Esc", "select nothing, drop the in point"],
  ["?", "this list"],
];

export function listen(actions) {
  const { marking, book } = actions;
  const keys = {
    " ": actions.toggle,
    ArrowLeft: (event) => actions.step(event.shiftKey ? -10 : -1),
    ArrowRight: (event) => actions.step(event.shiftKey ? 10 : 1),
    ArrowUp: () => marking.jumpLabel(-1),
    ArrowDown: () => marking.jumpLabel(1),
    Home: () => actions.seek(marking.facts.start_s),
    End: () => actions.seek(marking.facts.end_s),
    ",": () => actions.speed(-1),
    ".": () => actions.speed(1),
    r: actions.replay,
    l: actions.typeLabel,
    i: () => marking.setIn(),
    o: () => marking.setOut(),
    "[": () => marking.edge("start_s"),
    "]": () => marking.edge("end_s"),
    n: () => marking.go(1),
    p: () => marking.go(-1),
    Enter: () => marking.accept(),
    Delete: () => marking.remove(),
    Backspace: () => marking.remove(),
    u: (event) => (event.shiftKey ? marking.travel("redo", book.redo()) : marking.travel("undo", book.undo())),
    Tab: (event) => actions.nextPerson(event.shiftKey ? -1 : 1),
    z: actions.closeView,
    "+": () => actions.zoom(1 / 1.5),
    "=": () => actions.zoom(1 / 1.5),
    "-": () => actions.zoom(1.5),
    Escape: actions.letGo,
    "?": actions.help,
  };
  document.addEventListener("keydown", (event) => {
    if (event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, select");
    if (typing) return void (event.key === "Escape" && typing.blur());
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    let act = keys[name];
    if (event.ctrlKey || event.metaKey) {
      if (name === "z") act = (e) => keys.u(e);
      else if (name === "y") act = () => marking.travel("redo", book.redo());
      else return;
    }
    const digit = /^Digit([1-9])$/.exec(event.code)?.[1] ?? (/^[1-9]$/.test(name) ? name : null);
    if (digit && !event.shiftKey) act = () => marking.names[digit - 1] && marking.use(marking.names[digit - 1]);
    if (!act) return;
    event.preventDefault();
    act(event);
    actions.draw();
  });
}

export function fillHelp(list) {
  for (const [keys, words] of GROUPS) {
    const row = document.createElement("div");
    const [term, text] = [document.createElement("dt"), document.createElement("dd")];
    term.textContent = keys;
    text.textContent = words;
    row.append(term, text);
    list.append(row);
  }
}
