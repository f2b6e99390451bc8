// The drawn funnel in the browser: see recsys/ui/stages/__init__.py for the data it draws.
//
// A size that is being dragged is drawn at once and sent on release; a switch and a budget are shown at once. What
// Python has not confirmed is sent again, and is not overwritten by data that know nothing of it. All text that comes
// with the data goes through textContent only.

const views = new WeakMap(); // parentElement -> View; this function runs again at each change of the data
let counter = Date.now(); // grows over reloads too, so that Python can tell new events from repeated ones

export default function ({ data, parentElement, setTriggerValue }) {
  if (!data) return;
  if (!views.has(parentElement)) views.set(parentElement, new View(parentElement));
  views.get(parentElement).update(data, setTriggerValue);
}

const REPEAT_MS = 3000; // a message can get lost between two runs of the script; Python counts each event once
const REPEATS = 4;
const KEYS_MS = 250; // a size moved by keys is sent once the keys rest
const LEAST = 0.2; // share of the width that even one item gets, so that its number can be read

function element(tag, className = "", attributes = {}) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const count = (n) => n.toLocaleString("en");

/** 3.14 -> "3.1", 0.042 -> "0.04", 134.2 -> "134": as many digits as mean something. */
const brief = (ms) => ms.toFixed(ms >= 100 ? 0 : ms >= 1 ? 1 : 2);

/** Times of a stage against its budget: a bar, a mark where the budget ends, and the budget itself, to be changed. */
class Clock {
  constructor(view, name, words) {
    this.view = view;
    this.name = name;
    this.root = element("div", "clock");
    this.track = element("div", "track", { role: "img" });
    this.fill = element("span", "fill");
    this.range = element("span", "range");
    this.mark = element("span", "budget-mark");
    this.track.append(this.fill, this.range, this.mark);
    this.told = element("span", "ms");
    this.of = element("label", "of");
    this.of.append("of ");
    this.budget = element("input", "budget", { type: "number", min: "1", max: "9999", step: "1", inputmode: "numeric", "aria-label": `Budget of ${words} in milliseconds` });
    this.budget.title = "The budget in milliseconds: change it";
    this.of.append(this.budget, " ms");
    const line = element("div", "clock-line");
    line.append(this.told, " ", this.of);
    this.root.append(line, this.track);
    this.budget.addEventListener("change", () => this.change());
  }

  change() {
    const value = Math.round(Number(this.budget.value));
    if (!(value >= 1 && value <= 9999)) {
      this.budget.value = String(this.shown.budget); // what is no budget is taken back
      return;
    }
    this.view.send({ do: "budget", stage: this.name, value });
    this.draw({ ...this.shown, budget: value });
  }

  draw(one) {
    this.shown = one;
    const most = Math.max(one.budget * 1.25, one.ms * 1.04, one.timed ? one.timed[1] * 1.04 : 0);
    const share = (ms) => `${(100 * ms) / most}%`;
    const slow = one.timed ? one.timed[1] : one.ms;
    this.fill.style.width = share(one.timed ? one.timed[0] : one.ms);
    this.mark.style.left = share(one.budget);
    this.range.hidden = !one.timed;
    if (one.timed) {
      this.range.style.left = share(one.timed[0]);
      this.range.style.width = share(one.timed[1] - one.timed[0]);
    }
    this.root.classList.toggle("over", slow > one.budget);
    const words = one.timed ? `${brief(one.timed[0])}, 95 of 100 below ${brief(one.timed[1])}` : brief(one.ms);
    this.root.dataset.ms = String(one.ms);
    setText(this.told, one.timed ? `${brief(one.timed[0])}–${brief(one.timed[1])}` : brief(one.ms));
    this.told.title = one.timed ? `The median and the 95th percentile of ${one.runs} runs` : "This one run";
    this.track.setAttribute("aria-label", `${words} of ${one.budget} milliseconds`);
    if (!this.view.isPending(this.name, "budget") && this.view.host.activeElement !== this.budget) {
      this.budget.value = String(one.budget);
    }
  }
}

class Stage {
  constructor(view, one) {
    this.view = view;
    this.key = one.key;
    this.root = element("section", "stage", { "data-stage": one.key, "aria-label": one.title });
    this.head = element("div", "head");
    this.name = element("span", "name");
    this.note = element("span", "note");
    if (one.on !== null) {
      this.switch = element("button", "switch", { type: "button", role: "switch" });
      this.switch.append(element("span", "knob"));
      this.switch.addEventListener("click", () => this.toggle());
    }
    const line = element("div", "name-line");
    line.append(this.name);
    if (this.switch) line.append(this.switch);
    this.head.append(line, this.note);

    this.flow = element("div", "flow");
    this.shape = element("button", "shape", { type: "button" });
    this.body = element("span", "body");
    this.numbers = element("span", "numbers");
    this.shape.append(this.body, this.numbers);
    this.neck = element("div", "neck");
    this.band = element("span", "band");
    this.reasons = element("div", "reasons");
    this.neck.append(this.band, this.reasons);
    this.flow.append(this.shape, this.neck);
    this.shape.addEventListener("click", () => view.send({ do: "open", stage: this.key, value: this.one.open ? "" : this.one.reason || "" , shut: this.one.open }));

    this.size = element("div", "size");
    if (one.size) {
      this.label = element("label", "size-label");
      this.lets = element("span", "lets");
      this.output = element("output", "out");
      this.input = element("input", "slider", { type: "range", min: "0", step: "1", "aria-label": `How many items ${one.title} lets out` });
      this.label.append(this.lets, this.output);
      this.size.append(this.label, this.input);
      this.input.addEventListener("input", () => this.preview());
      this.input.addEventListener("change", () => this.release());
    }
    this.clock = new Clock(view, one.key, one.title);
    this.root.append(this.head, this.flow, this.size, this.clock.root);
  }

  toggle() {
    const on = this.switch.getAttribute("aria-checked") !== "true";
    this.switch.setAttribute("aria-checked", String(on));
    this.view.send({ do: "switch", stage: this.key, value: on });
  }

  stop() {
    return this.one.size.stops[Number(this.input.value)];
  }

  words(size) {
    return size >= this.one.size.all ? "all" : count(size);
  }

  preview() {
    setText(this.output, this.words(this.stop()));
    this.input.setAttribute("aria-valuetext", this.output.textContent);
    this.dragging = true;
    this.view.preview(this, this.stop());
  }

  release() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.dragging = false;
      if (this.stop() !== this.one.size.value) this.view.send({ do: "size", stage: this.key, value: this.stop() });
    }, this.view.byKey ? KEYS_MS : 0);
  }

  draw(one) {
    this.one = one;
    setText(this.name, one.title);
    this.name.title = one.help;
    setText(this.note, one.note);
    this.note.title = one.note;
    this.root.classList.toggle("off", one.on === false);
    this.root.classList.toggle("open", one.open);
    this.root.classList.toggle("person", one.key === "user");
    this.shape.setAttribute("aria-expanded", String(one.open));
    if (this.switch && !this.view.isPending(this.key, "switch")) this.switch.setAttribute("aria-checked", String(one.on));
    if (this.switch) {
      this.switch.setAttribute("aria-label", `${one.title}: ${one.on ? "on" : "off, everything passes"}`);
      this.switch.title = one.on ? "Switch this stage off: everything passes through" : "Switch this stage on";
    }
    if (this.input) {
      setText(this.lets, this.key === "diversify" ? "shows " : "lets out ");
      this.input.disabled = one.on === false && this.key !== "diversify";
      this.size.classList.toggle("idle", this.input.disabled);
      if (!this.dragging && !this.view.isPending(this.key, "size")) {
        this.input.max = String(one.size.stops.length - 1);
        this.input.value = String(one.size.stops.indexOf(one.size.value));
        setText(this.output, this.input.disabled ? "all" : this.words(one.size.value));
        this.input.setAttribute("aria-valuetext", this.output.textContent);
      }
    }
    this.clock.draw({ ms: one.ms, budget: one.budget, timed: one.timed, runs: one.runs });
    this.shapeOf(one.in, one.out);
    this.chips(one);
  }

  shapeOf(from, to) {
    if (this.key === "user") {
      setText(this.numbers, this.one.flows);
      return;
    }
    const a = this.view.width(from);
    const b = this.view.width(to);
    const side = (w) => [50 - 50 * w, 50 + 50 * w].map((x) => `${x.toFixed(2)}%`);
    const [[l1, r1], [l2, r2]] = [side(a), side(b)];
    this.body.style.clipPath = `polygon(${l1} 0, ${r1} 0, ${r2} 100%, ${l2} 100%)`;
    this.band.style.width = `${100 * b}%`;
    setText(this.numbers, from === to ? count(to) : `${count(from)} → ${count(to)}`);
    this.shape.setAttribute("aria-label", `${this.one.title}: ${count(from)} in, ${count(to)} out. Who left and why?`);
  }

  chips(one) {
    const told = JSON.stringify([one.dropped, one.open, one.reason]);
    if (told === this.told) return;
    this.told = told;
    this.reasons.replaceChildren(
      ...one.dropped.map(([reason, n]) => {
        const chip = element("button", "chip", { type: "button", "aria-pressed": String(one.open && one.reason === reason) });
        const number = element("b");
        number.textContent = `−${count(n)}`;
        chip.append(number, ` ${reason}`);
        chip.title = `${count(n)} left here: ${reason}`;
        chip.addEventListener("click", () => this.view.send({ do: "open", stage: this.key, value: reason, shut: one.open && one.reason === reason }));
        return chip;
      }),
    );
  }
}

class View {
  constructor(host) {
    this.host = host;
    this.pending = [];
    this.stages = new Map();
    this.root = element("div", "stages");
    this.all = element("section", "stage all", { "aria-label": "All stages together" });
    const head = element("div", "head");
    const name = element("span", "name");
    name.textContent = "Together";
    this.allNote = element("span", "note");
    head.append(name, this.allNote);
    this.total = new Clock(this, "total", "all stages together");
    this.all.append(head, element("div", "flow"), element("div", "size"), this.total.root);
    this.root.append(this.all);
    host.append(this.root);
    this.root.addEventListener("keydown", () => (this.byKey = true), true);
    this.root.addEventListener("pointerdown", () => (this.byKey = false), true);
  }

  update(data, setTriggerValue) {
    this.data = data;
    this.emit = setTriggerValue;
    this.pending = this.pending.filter((event) => event.n > data.ack);
    for (const one of data.stages) {
      if (!this.stages.has(one.key)) {
        const stage = new Stage(this, one);
        this.stages.set(one.key, stage);
        this.all.before(stage.root);
      }
      this.stages.get(one.key).draw(one);
    }
    this.total.draw(data.total);
    setText(this.allNote, data.total.note);
    this.root.dataset.seq = String(data.seq);
  }

  /** The share of the width that so many items get: by the logarithm, since funnels narrow by factors. */
  width(n) {
    return n <= 0 ? 0.02 : Math.max(LEAST, Math.log1p(n) / Math.log1p(this.data.whole));
  }

  /** Draws the funnel as it would be if nothing else kept items back; the true counts come with Python's answer. */
  preview(stage, size) {
    let passed = null;
    for (const one of this.stages.values()) {
      if (one === stage) {
        passed = Math.min(one.one.in, size);
        one.shapeOf(one.one.in, passed);
      } else if (passed !== null) {
        const held = one.one.size ? Math.min(passed, one.one.on === false && one.key !== "diversify" ? passed : one.one.size.value) : passed;
        one.shapeOf(passed, held);
        passed = held;
      }
    }
  }

  isPending(stage, what) {
    return this.pending.some((event) => event.stage === stage && event.do === what);
  }

  send(event) {
    counter = Math.max(counter + 1, Date.now());
    this.pending.push({ n: counter, ...event });
    this.post(REPEATS);
  }

  /** Sends what is pending, and again for as long as Python does not confirm it. */
  post(repeats) {
    clearTimeout(this.repeating);
    this.emit("events", this.pending);
    this.repeating = setTimeout(() => {
      if (this.pending.length && repeats) this.post(repeats - 1);
    }, REPEAT_MS);
  }
}
