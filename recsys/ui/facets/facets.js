// The conditions in the browser: see recsys/ui/facets/__init__.py for the data it draws.
//
// A click is shown at once; what Python has not confirmed yet is sent again with the next change, and is not
// overwritten by data that know nothing of it. Text from the catalog goes through textContent only.

const views = new WeakMap(); // parentElement -> View; this function runs again at each change of the data
let counter = Date.now(); // grows over reloads too, so that Python can tell new changes from repeated ones

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement));
  views.get(parentElement).update(data, setTriggerValue);
}

const FEW = 5; // values shown before somebody asks for more
const SEARCH_FROM = 12; // so many values get a field to search them
const REPEAT_MS = 3000; // a message can get lost between two runs of the script; Python counts each change once
const REPEATS = 4;
const KEYS_MS = 250; // a range moved by keys is sent once the keys rest

function element(tag, className = "", attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

class View {
  constructor(host) {
    this.blocks = new Map(); // facet -> Choice or Range
    this.pending = new Map(); // facet -> the change that Python has not confirmed
    this.root = element("div", "facets");
    this.madeUp = element("p", "made-up");
    this.madeUp.textContent = "Simulated: the data know none of the following, so it is made up.";
    host.append(this.root);
  }

  update(data, setTriggerValue) {
    this.emit = setTriggerValue;
    for (const [name, change] of this.pending) if (change.n <= data.ack) this.pending.delete(name);
    const names = data.facets.map((one) => one.name);
    for (const [name, block] of this.blocks) {
      if (names.includes(name)) continue;
      block.root.remove();
      this.blocks.delete(name);
    }
    this.madeUp.hidden = !data.facets.some((one) => one.simulated);
    for (const one of data.facets) {
      let block = this.blocks.get(one.name);
      if (!block) {
        block = one.bins ? new Range(this, one) : new Choice(this, one);
        this.blocks.set(one.name, block);
        if (one.simulated && !this.madeUp.isConnected) this.root.append(this.madeUp);
        this.root.append(block.root);
      }
      block.draw(one, this.pending.has(one.name));
    }
    this.root.dataset.seq = String(data.seq);
  }

  send(name, change) {
    counter = Math.max(counter + 1, Date.now());
    this.pending.set(name, { n: counter, facet: name, ...change });
    this.post(REPEATS);
  }

  /** Sends what is pending, and again for as long as Python does not confirm it. */
  post(repeats) {
    clearTimeout(this.repeating);
    this.emit("events", [...this.pending.values()]);
    this.repeating = setTimeout(() => {
      if (this.pending.size && repeats) this.post(repeats - 1);
    }, REPEAT_MS);
  }
}

/** The frame of a facet: its name, what is known of it, and what chooses by it. */
class Block {
  constructor(view, one) {
    this.view = view;
    this.name = one.name;
    this.root = element("fieldset", "block", { "data-facet": one.name });
    const legend = element("legend", "legend");
    this.label = element("span", "label");
    setText(this.label, one.label);
    this.aside = element("span", "aside");
    legend.append(this.label, this.aside);
    this.root.append(legend);
    if (one.note) legend.title = one.note;
    if (one.unknown) {
      const unknown = element("p", "unknown");
      setText(unknown, `${one.unknown.toLocaleString("en")} unknown`);
      unknown.title = "They have no value here, so they satisfy no condition.";
      this.unknown = unknown;
    }
  }
}

class Choice extends Block {
  constructor(view, one) {
    super(view, one);
    this.rows = new Map(); // value -> its nodes
    this.open = false;
    this.list = element("div", "values");
    this.search = element("input", "search", { type: "search", placeholder: "Search", "aria-label": `Search in ${one.label}` });
    this.search.hidden = true;
    this.search.addEventListener("input", () => this.lay());
    this.toggle = element("button", "toggle", { type: "button", "aria-expanded": "false" });
    this.toggle.addEventListener("click", () => {
      this.open = !this.open;
      if (!this.open) this.search.value = "";
      this.lay();
    });
    this.root.append(this.search, this.list, this.toggle);
    if (this.unknown) this.root.append(this.unknown);
  }

  draw(one, isPending) {
    this.one = one;
    if (!isPending) this.chosen = new Set(one.chosen);
    this.lay();
  }

  lay() {
    const { values, more } = this.one;
    const wanted = this.search.value.trim().toLowerCase();
    const shown = values.filter(([value, words], place) =>
      wanted ? words.toLowerCase().includes(wanted) : this.open || place < FEW || this.chosen.has(value),
    );
    const most = Math.max(1, ...values.map(([, , count]) => count));
    const kept = new Set(shown.map(([value]) => value));
    for (const [value, row] of this.rows) {
      if (kept.has(value)) continue;
      row.root.remove();
      this.rows.delete(value);
    }
    shown.forEach(([value, words, count], place) => {
      const row = this.rows.get(value) || this.row(value, words);
      if (this.list.children[place] !== row.root) this.list.insertBefore(row.root, this.list.children[place] || null);
      row.box.checked = this.chosen.has(value);
      row.root.classList.toggle("none", count === 0);
      row.root.style.setProperty("--share", String(count / most));
      setText(row.count, count.toLocaleString("en"));
    });
    this.list.classList.toggle("long", this.open);
    this.search.hidden = !this.open || values.length < SEARCH_FROM;
    this.toggle.hidden = values.length <= FEW;
    this.toggle.setAttribute("aria-expanded", String(this.open));
    setText(this.toggle, this.open ? "Fewer" : `${(values.length - FEW).toLocaleString("en")} more`);
    setText(this.aside, this.open && more ? `top ${values.length} of ${(values.length + more).toLocaleString("en")}` : "");
  }

  row(value, words) {
    const root = element("label", "row", { "data-value": value });
    const box = element("input", "", { type: "checkbox" });
    const name = element("span", "name", { dir: "auto" });
    const count = element("span", "count");
    setText(name, words);
    root.append(box, name, count);
    root.title = words;
    box.addEventListener("change", () => this.choose(value, box.checked));
    const row = { root, box, count };
    this.rows.set(value, row);
    return row;
  }

  choose(value, on) {
    if (this.one.single) this.chosen.clear();
    if (on) this.chosen.add(value);
    else this.chosen.delete(value);
    for (const [other, row] of this.rows) row.box.checked = this.chosen.has(other);
    this.view.send(this.name, { values: [...this.chosen] });
  }
}

class Range extends Block {
  constructor(view, one) {
    super(view, one);
    this.track = element("div", "track");
    this.bars = one.bins.map(() => element("span", "bin"));
    const bars = element("div", "bins", { "aria-hidden": "true" });
    bars.append(...this.bars);
    this.from = this.thumb(one, `${one.label}, at least`);
    this.to = this.thumb(one, `${one.label}, at most`);
    this.track.append(bars, this.from, this.to);
    this.ends = element("div", "ends");
    this.words = element("span", "");
    this.left = element("span", "count");
    this.ends.append(this.words, this.left);
    this.root.append(this.track, this.ends);
    if (this.unknown) this.root.append(this.unknown);
  }

  thumb(one, label) {
    const thumb = element("input", "thumb", { type: "range", min: one.low, max: one.high, step: one.step, "aria-label": label });
    let timer = 0;
    let isPointing = false;
    thumb.addEventListener("pointerdown", () => (isPointing = true));
    thumb.addEventListener("input", () => {
      if (thumb === this.from && this.value(this.from) > this.value(this.to)) this.from.value = this.to.value;
      if (thumb === this.to && this.value(this.to) < this.value(this.from)) this.to.value = this.from.value;
      this.show();
    });
    thumb.addEventListener("change", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.commit(), isPointing ? 0 : KEYS_MS);
      isPointing = false;
    });
    return thumb;
  }

  value(thumb) {
    return Number(thumb.value);
  }

  commit() {
    this.view.send(this.name, { low: this.value(this.from), high: this.value(this.to) });
  }

  draw(one, isPending) {
    this.one = one;
    if (!isPending) {
      this.from.value = String(one.from);
      this.to.value = String(one.to);
    }
    const most = Math.max(1, ...one.bins);
    // A square root, so that a few items beside many can still be seen.
    this.bars.forEach((bar, place) => bar.style.setProperty("--share", String(Math.sqrt(one.bins[place] / most))));
    setText(this.left, one.left.toLocaleString("en"));
    this.show();
  }

  show() {
    const { low, high, unit, bins } = this.one;
    const [from, to] = [this.value(this.from), this.value(this.to)];
    const width = (high - low) / bins.length;
    this.bars.forEach((bar, place) => {
      const middle = low + (place + 0.5) * width;
      bar.classList.toggle("in", middle + width / 2 >= from && middle - width / 2 <= to);
    });
    // A year is no amount: it has no thousands.
    const words = (number) => (high > 9999 ? number.toLocaleString("en") : String(number));
    const show = (number) => (unit === "$" ? `$${words(number)}` : words(number));
    const after = unit && unit !== "$" ? ` ${unit}` : "";
    setText(this.words, `${show(from)} to ${show(to)}${after}`);
    // The thumb that can still move lies on top where both stand at one end.
    this.from.style.zIndex = from > (low + high) / 2 ? 3 : 2;
  }
}
