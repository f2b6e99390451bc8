// The shelf in the browser: see recsys/ui/shelf/__init__.py for the data it draws.
//
// Cards lie absolutely and are moved by transforms alone, so that a stop of the slider costs no layout and CSS
// transitions glide from wherever a card is at that moment. The order of the DOM, which a keyboard and a screen reader
// follow, is put right once the cards have come to rest. Text from the catalog goes through textContent only.

const pictures = new Map(); // "catalog\nid" -> data URI; Python sends each one once a page
const views = new WeakMap(); // parentElement -> View; this function runs again at each change of the data
let counter = Date.now(); // grows over reloads too, so that Python can tell new events from repeated ones

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement));
  views.get(parentElement).update(data, setTriggerValue);
}

const STOPS = 101;
const REST_MS = 340; // a little longer than the transitions of shelf.css
const REPEAT_MS = 3000; // a message can get lost between two runs of the script; Python counts each event once
const REPEATS = 4;
const KEYS_MS = 250;
const GAP = 14;
const KINDS = {
  like: "what you like",
  wish: "your wish",
  category: "categories",
  popular: "popularity",
  model: "the model",
  words: "its words",
  picture: "its picture",
  dislike: "what you dislike",
  taken_off: "taken off for likeness",
  left: "pale: not in the varied list",
};
const ICONS = {
  like: "M2.5 10.2h3.6v9.6H2.5zM8 10.4 12 3c1.4.2 2.2 1.2 2 2.6l-.7 3.7h5.2c1.4 0 2.3 1.2 2 2.5l-1.5 6.4c-.2 1-1 1.6-2 1.6H8z",
  previous: "M14.5 5.5 8 12l6.5 6.5",
  next: "M9.5 5.5 16 12l-6.5 6.5",
};

// ---------------------------------------------------------------------------------------------------- small helpers

function element(tag, className = "", attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function icon(path, className = "") {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  if (className) svg.setAttribute("class", className);
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** 0.624 -> ".62", -1 -> "−1.00": two decimals with a true minus, no leading zero. */
function decimals(number) {
  const text = Math.abs(number).toFixed(2).replace(/^0\./, ".");
  return (number < 0 && Number(text) ? "−" : "") + text;
}

function afterPaint(then) {
  requestAnimationFrame(() => requestAnimationFrame(then));
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** Whether a CSS colour ("#rrggbb" or "rgb(...)") is dark. */
function isDark(color) {
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(color);
  const parts = hex ? hex.slice(1).map((part) => parseInt(part, 16)) : (color.match(/[\d.]+/g) || [255, 255, 255]).map(Number);
  return 0.299 * parts[0] + 0.587 * parts[1] + 0.114 * parts[2] < 128;
}

// ------------------------------------------------------------------------------------------------------------ a card

class Card {
  constructor(view, shelf, id) {
    this.view = view;
    this.id = id;
    this.state = "";
    this.root = element("li", "card", { "data-id": id });
    this.open = element("button", "open", { type: "button", tabindex: "-1", "aria-keyshortcuts": "L D" });
    this.words = element("span", "names");
    this.plate = element("span", "plate");
    this.picture = element("img", "picture", { alt: "", draggable: "false" });
    this.rank = element("span", "rank", { "aria-hidden": "true" });
    this.mark = element("span", "mark");
    this.plate.append(this.picture);
    this.line = element("span", "line");
    this.title = element("span", "title", { dir: "auto" });
    this.subtitle = element("span", "subtitle", { dir: "auto" });
    this.words.append(this.title, this.subtitle);
    this.open.append(this.plate, this.words);

    this.actions = element("span", "actions");
    this.like = this.action("like", "Like");
    this.dislike = this.action("dislike", "Dislike");
    this.actions.append(this.like, this.dislike);
    this.line.append(this.rank, this.mark, this.actions);

    this.why = element("span", "why");
    this.bar = element("span", "bar", { role: "img" });
    this.taken = element("span", "part taken");
    this.score = element("span", "score");
    this.why.append(this.bar, this.score);
    this.reason = element("span", "reason", { dir: "auto" });
    this.price = element("span", "price", { dir: "auto" });
    this.root.append(this.open, this.line, this.why, this.reason);
    if (shelf.varies) this.root.append(this.price);

    this.open.addEventListener("click", () => view.send({ do: "open", id }));
    this.open.addEventListener("keydown", (event) => this.onKey(event, shelf));
    this.root.addEventListener("focusin", () => shelf.rove(this));
    this.root.addEventListener("pointerenter", () => view.point(id));
    this.root.addEventListener("pointerleave", () => view.point(null));
  }

  action(name, verb) {
    const button = element("button", `action ${name}`, { type: "button", "aria-pressed": "false" });
    button.append(icon(ICONS.like, name === "dislike" ? "down" : ""));
    button.title = verb;
    button.addEventListener("click", () => this.rate(name));
    return button;
  }

  rate(name) {
    const pressed = this.state === `${name}d`;
    this.view.rate(this.id, pressed ? "" : `${name}d`, pressed ? "unrate" : name);
  }

  onKey(event, shelf) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    if (key === "l") this.rate("like");
    else if (key === "d") this.rate("dislike");
    else if (!shelf.walk(this.id, event.key)) return;
    event.preventDefault();
  }

  /** What does not depend on where the card lies. */
  fill(info, scale) {
    if (this.info === info && this.scale === scale) return;
    this.info = info;
    this.scale = scale;
    setText(this.title, info.title);
    setText(this.subtitle, info.subtitle || "");
    this.title.title = info.title;
    setText(this.reason, info.reason || "");
    this.reason.title = info.reason || "";
    setAttribute(this.like, "aria-label", `Like ${info.title}`);
    setAttribute(this.dislike, "aria-label", `Dislike ${info.title}`);
    this.fillBar(info, scale);
  }

  /** A waterfall: what speaks for the card from the left, what speaks against it hatched back from its right end. */
  fillBar(info, scale) {
    const parts = (info.why || []).filter((part) => part.value);
    const hasScore = info.score !== null && info.score !== undefined;
    this.why.hidden = !hasScore;
    if (!hasScore) return;
    this.bar.replaceChildren();
    let end = 0;
    for (const part of [...parts.filter((p) => p.value > 0), ...parts.filter((p) => p.value < 0)]) {
      const segment = element("span", `part ${part.value < 0 ? "against" : ""}`, { "data-kind": part.kind });
      const from = part.value < 0 ? end + part.value : end;
      segment.style.left = `${(100 * clamp(from, 0, scale)) / scale}%`;
      segment.style.width = `${(100 * Math.min(Math.abs(part.value), scale)) / scale}%`;
      this.bar.append(segment);
      end += part.value;
    }
    this.bar.append(this.taken);
    const words = parts.map((part) => `${decimals(part.value)} ${part.label}`).join("\n");
    this.bar.title = words ? `${words}\n= ${decimals(info.score)}` : "";
    setAttribute(this.bar, "aria-label", `score ${decimals(info.score)}${words ? `: ${words.replaceAll("\n", ", ")}` : ""}`);
    setText(this.score, decimals(info.score));
  }

  show(state) {
    this.state = state;
    setAttribute(this.root, "data-state", state);
    setAttribute(this.like, "aria-pressed", String(state === "liked"));
    setAttribute(this.dislike, "aria-pressed", String(state === "disliked"));
  }

  /** The picture, decoded before it is shown. Resolves when there is nothing more to wait for. */
  async draw(uri) {
    if (!uri || this.uri === uri) return this.decoded;
    this.uri = uri;
    this.picture.src = uri;
    this.decoded = this.picture.decode().then(
      () => this.plate.classList.add("ready"),
      () => this.plate.classList.add("broken"),
    );
    return this.decoded;
  }

  /** What MMR took off at this stop, and because of whom. */
  charge(penalty, rival) {
    if (penalty === this.penalty && rival === this.rival) return;
    this.penalty = penalty;
    this.rival = rival;
    const charged = penalty > 0.004;
    setText(this.price, charged ? `−${decimals(penalty)} ${rival ? `near ${rival}` : "for likeness"}` : "");
    this.price.title = this.price.textContent;
    this.taken.hidden = !charged;
    if (!charged || !this.info || !(this.info.score > 0)) return;
    const width = Math.min(penalty, this.info.score);
    this.taken.style.left = `${(100 * (this.info.score - width)) / this.scale}%`;
    this.taken.style.width = `${(100 * width) / this.scale}%`;
  }

  place(x, y, rank, mark, moved) {
    const where = `translate(${x}px,${y}px)`;
    if (this.where !== where) this.root.style.transform = this.where = where;
    setText(this.rank, String(rank));
    setText(this.mark, mark);
    setAttribute(this.root, "data-moved", moved);
  }
}

// --------------------------------------------------------------------------------------------------------- the slider

class Lens {
  constructor(shelf) {
    this.shelf = shelf;
    this.root = element("div", "lens");
    this.track = element("div", "track");
    this.curve = icon("", "curve");
    this.curve.setAttribute("viewBox", "0 0 100 20");
    this.curve.setAttribute("preserveAspectRatio", "none");
    this.track.title = "The hill: how many of the nearest cards are left at each stop";
    this.input = element("input", "slider", { type: "range", min: "0", max: "100", step: "1" });
    this.value = element("output", "lambda");
    const alike = element("span", "end");
    const varied = element("span", "end");
    alike.textContent = "more alike";
    varied.textContent = "more varied";
    this.track.append(this.curve, this.input);
    this.root.append(alike, this.track, varied, this.value);
    this.told = [alike, varied, this.value];
    this.held = false;
    this.input.addEventListener("input", (event) => this.onInput(event));
    this.input.addEventListener("change", () => this.release());
    this.input.addEventListener("pointerdown", () => (this.held = true));
    for (const name of ["pointercancel", "blur"]) this.input.addEventListener(name, () => (this.held = false));
    this.input.addEventListener("pointerup", () => setTimeout(() => (this.held = false))); // after "change"
  }

  /** The stop the slider stands at: 100 is lambda 1, at the left. */
  get stop() {
    return STOPS - 1 - Number(this.input.value);
  }

  set stop(stop) {
    this.input.value = String(STOPS - 1 - stop);
    this.label();
  }

  label() {
    const lam = this.stop / (STOPS - 1);
    setText(this.value, `λ ${lam.toFixed(2)}`);
    this.input.style.setProperty("--at", `${100 - this.stop}%`);
  }

  onInput(event) {
    const started = event.timeStamp || performance.now();
    this.label();
    const { stop } = this;
    const { view } = this.shelf;
    view.goTo(stop);
    afterPaint(() => {
      for (const shelf of view.varied()) shelf.root.dataset.paintedLam = (stop / (STOPS - 1)).toFixed(2);
      if (performance.getEntriesByName("shelf:stop").length > 1000) performance.clearMeasures("shelf:stop");
      performance.measure("shelf:stop", { start: started, end: performance.now(), detail: { stop } });
    });
  }

  /** The pointer has let go, or a key has moved the slider: keys come in series, so those wait for the last one. */
  release() {
    const byPointer = this.held;
    this.held = false;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.report(), byPointer ? 0 : KEYS_MS);
  }

  report() {
    this.timer = undefined;
    this.sentAs = this.shelf.view.send({ do: "lam", value: this.stop / (STOPS - 1) });
  }

  /** Python's value counts, unless somebody is dragging or has chosen a value that Python does not know yet. */
  follow(lam, ack) {
    const ours = this.held || this.timer !== undefined || (this.sentAs !== undefined && ack < this.sentAs);
    if (!ours) this.stop = Math.round(clamp(lam, 0, 1) * (STOPS - 1));
  }

  /** How much of the first list is left at each stop, as the hill behind the slider. */
  plot(shares) {
    const points = shares.map((share, x) => `${x},${(19 - 17 * share).toFixed(1)}`);
    this.curve.firstChild.setAttribute("d", `M0,20L${points.join("L")}L100,20Z`);
  }
}

// ---------------------------------------------------------------------------------------------------------- one shelf

class Shelf {
  constructor(view, data) {
    this.view = view;
    this.cards = new Map();
    this.order = [];
    this.rowStep = 0;
    this.root = element("section", "shelf", { "data-shelf": data.key });
    const head = element("header", "head");
    const words = element("div", "words");
    this.title = element("h3", "heading", { id: `shelf-${data.key}` });
    this.note = element("p", "note");
    this.aside = element("p", "aside");
    words.append(this.title, this.note, this.aside);
    head.append(words);
    this.varies = Boolean(data.stops);
    this.follows = data.slider === false;
    if (this.varies && !this.follows) {
      this.lens = new Lens(this);
      if (view.data.slider === "top") view.top.append(this.lens.root);
      else head.append(this.lens.root);
    }
    this.lane = element("div", "lane");
    this.list = element("ul", "cards", { role: "list", "aria-labelledby": `shelf-${data.key}` });
    this.short = element("p", "short");
    this.lane.append(this.list);
    this.frame = element("div", "frame");
    this.arrows = [this.arrow("previous", "Earlier cards", -1), this.arrow("next", "More cards", 1)];
    this.frame.append(this.lane, ...this.arrows);
    this.root.append(head, this.frame, this.short);
    this.lane.addEventListener("scroll", () => view.scrolled(this), { passive: true });
  }

  arrow(name, label, direction) {
    const button = element("button", `arrow ${name}`, { type: "button", "aria-label": label, tabindex: "-1" });
    button.append(icon(ICONS[name]));
    button.addEventListener("click", () => {
      const { step } = this.view.grid;
      const count = Math.max(1, Math.floor(this.lane.clientWidth / step) - 1);
      this.lane.scrollBy({ left: direction * count * step, behavior: "smooth" });
    });
    return button;
  }

  get stop() {
    return this.varies ? this.view.lens?.stop ?? STOPS - 1 : STOPS - 1;
  }

  idsAt(stop) {
    const { data } = this;
    return data.stops ? data.stops[stop].map((row) => data.pool[row]) : data.list;
  }

  /** All ids that this shelf may show. */
  get reachable() {
    const { data } = this;
    if (!data.stops) return data.list;
    return [...new Set(data.stops.flat())].map((row) => data.pool[row]);
  }

  update(data, ack) {
    this.data = data;
    setText(this.title, data.title);
    setText(this.note, data.note || "");
    this.aside.hidden = !data.notes;
    if (!this.lens) return;
    this.lens.follow(data.lam, ack);
    for (const word of this.lens.told) setAttribute(word, "title", this.view.data.help || "");
    setAttribute(this.lens.input, "aria-label", `${data.title}: from more alike to more varied`);
  }

  card(id) {
    if (!this.cards.has(id)) this.cards.set(id, new Card(this.view, this, id));
    const card = this.cards.get(id);
    card.fill(this.view.data.cards[id], this.view.scale);
    card.show(this.view.stateOf(id));
    return card;
  }

  lay(stop) {
    const { grid } = this.view;
    const ids = this.idsAt(stop);
    const marks = this.varies || Boolean(this.data.before);
    const before = new Map((this.data.before || this.view.baseline(this)).map((id, index) => [id, index]));
    const penalties = this.data.penalty?.[stop];
    const rivals = this.data.rivals?.[stop];
    const focused = this.focusedIndex();
    const shown = new Set(ids);
    for (const id of this.order) if (!shown.has(id)) this.hide(this.cards.get(id));
    ids.forEach((id, index) => {
      const card = this.card(id);
      const arrives = !card.shown;
      if (arrives) this.reveal(card);
      const was = before.get(id);
      const up = was === undefined ? 0 : was - index;
      const moved = !marks ? "" : was === undefined ? "new" : up > 0 ? "up" : up < 0 ? "down" : "";
      const mark = moved === "new" ? "new" : moved === "up" ? `▲ ${up}` : moved === "down" ? `▼ ${-up}` : "";
      const [column, row] = [index % grid.columns, Math.floor(index / grid.columns)];
      card.place(column * grid.step, row * this.rowStep, index + 1, mark, moved);
      if (this.varies) card.charge(penalties?.[index] ?? 0, this.titleOf(rivals?.[index]));
      if (arrives) card.root.animate({ opacity: [0, 1] }, { duration: 200, easing: "ease-out" });
    });
    const same = ids.length === this.order.length && ids.every((id, index) => id === this.order[index]);
    this.order = ids;
    this.root.dataset.order = JSON.stringify(ids);
    if (this.varies) this.root.dataset.lam = (stop / (STOPS - 1)).toFixed(2);
    if (this.data.notes) setText(this.aside, this.data.notes[stop]);
    if (!same) this.settleSoon(focused);
  }

  titleOf(row) {
    return row === undefined || row < 0 ? "" : this.view.data.cards[this.data.pool[row]]?.title || "";
  }

  reveal(card) {
    card.shown = true;
    card.root.classList.add("still"); // it fades in where it belongs instead of gliding from where it once was
    card.root.classList.remove("gone");
    card.root.inert = false;
    if (!card.root.isConnected) this.list.append(card.root);
    requestAnimationFrame(() => card.root.classList.remove("still"));
    card.drawn = card.draw(this.view.pictureOf(card.id));
  }

  hide(card) {
    card.shown = false;
    card.root.classList.add("gone");
    card.root.inert = true;
  }

  focusedIndex() {
    const active = this.view.host.activeElement;
    const card = active?.closest?.(".card");
    return card && this.list.contains(card) ? this.order.indexOf(card.dataset.id) : -1;
  }

  settleSoon(focused) {
    clearTimeout(this.timer);
    if (focused >= 0 && this.focusedIndex() < 0) this.keepFocus(focused);
    this.timer = setTimeout(() => this.settle(), REST_MS);
  }

  /** When the card under the keyboard leaves, the one that takes its place is under the keyboard. */
  keepFocus(index) {
    const card = this.cards.get(this.order[Math.min(index, this.order.length - 1)]);
    if (card) card.open.focus({ preventScroll: true });
  }

  /** DOM order = list order, and the cards that nobody can reach are dropped. */
  settle() {
    const active = this.view.host.activeElement?.closest?.(".card");
    const pivot = active && this.list.contains(active) ? this.order.indexOf(active.dataset.id) : -1;
    this.order.forEach((id, index) => {
      const { root } = this.cards.get(id);
      if (pivot >= 0 && index < pivot) active.before(root);
      else if (index > pivot) this.list.append(root);
    });
    const keep = new Set([...this.reachable, ...this.order]);
    for (const [id, card] of this.cards) {
      if (keep.has(id)) continue;
      card.root.remove();
      this.cards.delete(id);
    }
    this.rove();
  }

  /** One card of the list is reached by Tab; the arrow keys walk from there. */
  rove(card) {
    if (card) this.current = card.id;
    if (!this.order.includes(this.current)) this.current = this.order[0];
    for (const id of this.order) {
      const tabindex = id === this.current ? "0" : "-1";
      const { open, like, dislike } = this.cards.get(id);
      for (const button of [open, like, dislike]) setAttribute(button, "tabindex", tabindex);
    }
  }

  walk(id, key) {
    const at = this.order.indexOf(id);
    const { columns } = this.view.grid;
    const across = Number.isFinite(columns) ? columns : 0;
    const target = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + across, ArrowUp: at - across, Home: 0, End: this.order.length - 1,
    }[key];
    if (target === undefined || target === at) return false;
    const next = this.order[clamp(target, 0, this.order.length - 1)];
    this.cards.get(next).open.focus();
    return true;
  }

  /** Room for the cards; the widest stop decides, so that dragging never changes the page's height. */
  size() {
    const { grid } = this.view;
    const count = this.data.stops ? Math.max(0, ...this.data.stops.map((stop) => stop.length)) : this.order.length;
    const rows = Math.ceil(count / grid.columns) || 1;
    const height = this.cards.get(this.order[0])?.root.offsetHeight ?? 0;
    const rowStep = height + GAP;
    this.list.style.height = `${rows * rowStep - GAP}px`;
    this.list.style.width = Number.isFinite(grid.columns) ? "" : `${count * grid.step - GAP}px`;
    this.markEdges();
    const other = rowStep !== this.rowStep;
    this.rowStep = rowStep;
    if (other && rows > 1) this.layAtOnce();
  }

  /** Rows that stand elsewhere since cards have another height: nothing moved in the list, so nothing glides. */
  layAtOnce() {
    const cards = this.order.map((id) => this.cards.get(id).root);
    for (const card of cards) card.classList.add("still");
    this.lay(this.stop);
    this.list.getBoundingClientRect(); // the browser takes the places over before cards may glide again
    for (const card of cards) card.classList.remove("still");
  }

  markEdges() {
    const { scrollLeft, clientWidth, scrollWidth } = this.lane;
    this.frame.classList.toggle("more-left", scrollLeft > 4);
    this.frame.classList.toggle("more-right", scrollLeft + clientWidth < scrollWidth - 4);
  }
}

// ----------------------------------------------------------------------------------------------------- all the shelves

class View {
  constructor(host) {
    this.host = host;
    this.pending = []; // events that Python has not confirmed
    this.ratings = new Map(); // id -> {state, n}: shown before Python answers
    this.asked = new Set();
    this.shelves = new Map();
    this.grid = { columns: Infinity, width: 160, step: 160 + GAP };
    this.root = element("div", "shelves");
    this.busy = element("div", "busy", { "aria-hidden": "true" });
    this.message = element("div", "message", { role: "status" });
    this.legend = element("ul", "legend", { "aria-label": "What the bars are made of" });
    this.live = element("p", "unseen", { "aria-live": "polite" });
    this.top = element("div", "top");
    this.root.append(this.busy, this.message, this.top, this.legend, this.live);
    host.append(this.root);
    new ResizeObserver(() => this.resize()).observe(this.root);
  }

  update(data, setTriggerValue) {
    this.data = data;
    this.emit = setTriggerValue;
    this.pending = this.pending.filter((event) => event.n > data.ack);
    this.showBusy();
    for (const [id, uri] of Object.entries(data.pictures || {})) pictures.set(`${data.catalog}\n${id}`, uri);
    for (const [id, rating] of this.ratings) if (rating.n <= data.ack) this.ratings.delete(id);
    this.root.dataset.dark = String(isDark(getComputedStyle(this.root).getPropertyValue("--st-background-color").trim()));
    this.root.dataset.aspect = data.aspect || "square";
    this.root.dataset.layout = data.layout || "row";
    this.root.dataset.dense = String(Boolean(data.dense));
    this.scale = Math.max(0.05, ...Object.values(data.cards).map((card) => positives(card)));
    this.keepShelves(data);
    this.measure();
    for (const shelf of this.shelves.values()) shelf.lay(shelf.stop);
    for (const shelf of this.shelves.values()) if (shelf.lens) shelf.lens.plot(this.shares(shelf));
    for (const shelf of this.shelves.values()) {
      shelf.size();
      shelf.rove();
    }
    this.tell(data.message);
    this.compare();
    this.explain();
    this.paint(data.seq);
    this.askForMissing();
    this.prepareSoon();
  }

  keepShelves(data) {
    const keys = data.shelves.map((one) => one.key);
    for (const [key, shelf] of this.shelves) {
      const one = data.shelves[keys.indexOf(key)];
      if (one && shelf.varies === Boolean(one.stops) && shelf.follows === (one.slider === false)) continue;
      shelf.lens?.root.remove();
      shelf.root.remove();
      this.shelves.delete(key);
    }
    for (const one of data.shelves) {
      if (!this.shelves.has(one.key)) this.shelves.set(one.key, new Shelf(this, one));
      const shelf = this.shelves.get(one.key);
      if (!shelf.root.isConnected) this.legend.before(shelf.root);
      else if (data.shelves.length > 2) this.legend.before(shelf.root); // several methods may change places
      shelf.update(one, data.ack);
    }
  }

  // -- sizes

  /** Card width: whole cards in a grid; in a row one card peeks in at the edge, so that one sees that it goes on. */
  measure() {
    const room = this.root.clientWidth;
    const poster = this.root.dataset.aspect === "poster";
    const dense = this.root.dataset.dense === "true";
    // Dense shelves show ten cards at once where there is room, since whole lists are compared.
    const ideal = dense ? Math.max(84, Math.floor((room - 9 * GAP) / 10)) : room < 520 ? 148 : poster ? 138 : 156;
    let { columns, width } = { columns: Infinity, width: ideal };
    if (this.root.dataset.layout === "grid") {
      columns = Math.max(2, Math.floor((room + GAP) / (ideal + GAP)));
      width = Math.floor((room - (columns - 1) * GAP) / columns);
    } else {
      const fitting = Math.max(2, Math.round(room / (ideal + GAP))) + 0.4;
      width = dense ? ideal : Math.floor((room - Math.floor(fitting) * GAP) / fitting);
    }
    if (width === this.grid.width && columns === this.grid.columns) return false;
    Object.assign(this.grid, { columns, width, step: width + GAP });
    this.root.style.setProperty("--card", `${width}px`);
    this.root.style.setProperty("--picture", `${Math.round(width * (poster ? 1.5 : 1))}px`);
    return true;
  }

  resize() {
    if (!this.data) return;
    if (this.measure()) {
      for (const shelf of this.shelves.values()) shelf.size();
      for (const shelf of this.shelves.values()) shelf.lay(shelf.stop);
    }
    for (const shelf of this.shelves.values()) shelf.size();
  }

  scrolled(source) {
    source.markEdges();
    for (const shelf of this.shelves.values()) {
      if (shelf !== source && Math.abs(shelf.lane.scrollLeft - source.lane.scrollLeft) > 1) {
        shelf.lane.scrollLeft = source.lane.scrollLeft;
      }
    }
  }

  // -- what changed

  /** The shelves that the slider moves. */
  varied() {
    return [...this.shelves.values()].filter((shelf) => shelf.varies);
  }

  /** The one slider. */
  get lens() {
    return [...this.shelves.values()].find((shelf) => shelf.lens)?.lens;
  }

  /** Re-lays the cards for a stop while somebody drags. */
  goTo(stop) {
    for (const shelf of this.varied()) shelf.lay(stop);
    this.compare();
  }

  /** The list that a varied shelf is compared with: the first shelf without a slider, else its own lambda 1. */
  baseline(shelf) {
    const plain = [...this.shelves.values()].find((one) => !one.varies);
    if (plain) return plain.data.list;
    return shelf.varies ? shelf.idsAt(STOPS - 1) : shelf.data.list;
  }

  shares(shelf) {
    const base = new Set(this.baseline(shelf));
    const shares = shelf.data.stops.map((stop) => stop.filter((row) => base.has(shelf.data.pool[row])).length / (stop.length || 1));
    return shares.reverse();
  }

  compare() {
    const varied = this.varied();
    if (!varied.length || !this.lens) return;
    const base = this.baseline(varied[0]);
    const shown = new Set(varied.flatMap((shelf) => shelf.order));
    for (const shelf of this.shelves.values()) {
      if (shelf.varies) continue;
      for (const id of shelf.order) shelf.cards.get(id).root.classList.toggle("left", !shown.has(id));
    }
    const words = varied.map((shelf) => {
      const common = base.filter((id) => shelf.order.includes(id)).length;
      const kept = `${common} of ${shelf.order.length} are also among the nearest`;
      setText(shelf.note, shelf.order.length ? [shelf.data.note, kept].filter(Boolean).join(" · ") : shelf.data.note || "");
      return varied.length > 1 ? `${shelf.data.title}: ${kept}` : kept;
    });
    setAttribute(this.lens.input, "aria-valuetext", `${this.lens.value.textContent}, ${words.join(", ")}`);
    this.announce(varied[0], base);
  }

  announce(varied, base) {
    clearTimeout(this.announcing);
    this.announcing = setTimeout(() => {
      const fresh = varied.order.filter((id) => !base.includes(id)).map((id) => this.data.cards[id].title);
      const words = fresh.length ? `New on the varied shelf: ${fresh.join(", ")}.` : "Both shelves hold the same cards.";
      setText(this.live, words);
    }, 700);
  }

  tell(message) {
    this.message.hidden = !message;
    this.message.replaceChildren();
    for (const shelf of this.shelves.values()) {
      const n = shelf.order.length;
      const words = n === 0 ? "No item satisfies" : n === 1 ? "Only 1 item satisfies" : `Only ${n} items satisfy`;
      shelf.root.classList.toggle("empty", n === 0);
      setText(shelf.short, !message && n < (shelf.data.wanted || 0) ? `${words} the conditions.` : "");
    }
    if (!message) return;
    const text = element("p");
    text.textContent = message.text;
    this.message.append(text);
    for (const way of message.relax || []) {
      const button = element("button", "relax", { type: "button" });
      button.textContent = way.label;
      button.addEventListener("click", () => this.send({ do: "relax", value: way.value }));
      this.message.append(button);
    }
  }

  explain() {
    const kinds = new Set();
    for (const shelf of this.shelves.values()) {
      for (const id of shelf.order) {
        const card = this.data.cards[id];
        if (card.score === null || card.score === undefined) continue;
        for (const part of card.why || []) if (part.value) kinds.add(part.kind);
      }
      if (shelf.data.penalty && shelf.order.length) kinds.add("taken_off");
      if (shelf.varies && shelf.order.length && this.shelves.size > 1) kinds.add("left");
    }
    const shown = Object.keys(KINDS).filter((kind) => kinds.has(kind));
    const drawn = shown.join();
    if (this.legend.dataset.kinds === drawn) return;
    this.legend.dataset.kinds = drawn;
    this.legend.replaceChildren(
      ...shown.map((kind) => {
        const item = element("li");
        const swatch = element("span", `swatch ${kind === "dislike" ? "against" : kind === "taken_off" ? "taken" : ""}`);
        swatch.dataset.kind = kind;
        item.append(swatch, KINDS[kind]);
        return item;
      }),
    );
  }

  // -- pictures

  pictureOf(id) {
    return pictures.get(`${this.data.catalog}\n${id}`);
  }

  askForMissing() {
    const lacking = [];
    for (const shelf of this.shelves.values()) {
      for (const id of shelf.reachable) {
        const name = `${this.data.catalog}\n${id}`;
        if (!pictures.has(name) && !this.asked.has(name)) {
          this.asked.add(name);
          lacking.push(id);
        }
      }
    }
    if (lacking.length) this.send({ do: "missing", value: [...new Set(lacking)] });
  }

  /** Cards that a stop may need are built and their pictures decoded while nothing else happens. */
  prepareSoon() {
    const idle = window.requestIdleCallback || ((then) => setTimeout(() => then({ timeRemaining: () => 8 }), 60));
    const work = [];
    for (const shelf of this.shelves.values()) if (shelf.varies) for (const id of shelf.reachable) work.push([shelf, id]);
    const round = (this.round = (this.round || 0) + 1);
    const go = (deadline) => {
      while (work.length && deadline.timeRemaining() > 2) {
        if (round !== this.round) return;
        const [shelf, id] = work.pop();
        const card = shelf.card(id);
        card.draw(this.pictureOf(id));
        if (card.root.isConnected) continue;
        card.root.classList.add("gone");
        card.root.inert = true;
        shelf.list.append(card.root);
      }
      if (work.length) idle(go);
      else this.root.dataset.prepared = String(this.data.seq);
    };
    this.root.removeAttribute("data-prepared");
    idle(go);
  }

  async paint(seq) {
    const waiting = [];
    for (const shelf of this.shelves.values()) {
      for (const id of shelf.order) waiting.push(shelf.cards.get(id).draw(this.pictureOf(id)));
    }
    await Promise.all(waiting);
    afterPaint(() => {
      if (this.data.seq === seq) this.root.dataset.paintedSeq = String(seq);
    });
  }

  // -- events

  /** Sends an event together with all that Python has not confirmed; returns its number. */
  send(event) {
    counter = Math.max(counter + 1, Date.now());
    this.pending.push({ n: counter, ...event });
    this.post(REPEATS);
    this.showBusy();
    return counter;
  }

  /** Sends what is pending, and again for as long as Python does not confirm it. */
  post(repeats) {
    clearTimeout(this.repeating);
    this.emit("events", this.pending);
    this.repeating = setTimeout(() => {
      if (this.pending.length && repeats) this.post(repeats - 1);
    }, REPEAT_MS);
  }

  showBusy() {
    clearTimeout(this.waiting);
    if (!this.pending.length) this.root.classList.remove("waiting");
    else this.waiting = setTimeout(() => this.root.classList.add("waiting"), 250);
  }

  rate(id, state, verb) {
    this.ratings.set(id, { state, n: this.send({ do: verb, id }) });
    for (const shelf of this.shelves.values()) shelf.cards.get(id)?.show(state);
  }

  stateOf(id) {
    return this.ratings.has(id) ? this.ratings.get(id).state : this.data.cards[id].state || "";
  }

  /** The same item on the other shelf lights up with the one under the pointer. */
  point(id) {
    for (const shelf of this.shelves.values()) {
      for (const [other, card] of shelf.cards) card.root.classList.toggle("twin", id !== null && other === id);
    }
  }
}

/** How far the parts that speak for a card reach; at least its score. */
function positives(card) {
  const sum = (card.why || []).reduce((total, part) => total + Math.max(0, part.value), 0);
  return Math.max(sum, card.score || 0);
}
