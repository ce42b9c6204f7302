// Views of bodies that are turned, zoomed and cut together: all those within one element of class "bodies".
"use strict";

const VIEWS = {
  aslant: lookingAlong([1, 0.5, 0.85]),
  beam: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  side: [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
  back: [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
};
const STEP = (5 * Math.PI) / 180; // of an arrow key
const FILL = 0.36; // of the picture's smaller side: the largest body's reach at zoom 1
const SETTLE = 150; // ms of rest until a picture is drawn in full

function lookingAlong(direction) {
  const forward = normed(direction);
  const right = normed(cross([0, 1, 0], forward));
  return [right, cross(forward, right), forward];
}

function cross(a, b) {
  return [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
}

function normed(a) {
  const length = Math.hypot(...a);
  return a.map((value) => value / length);
}

// The frame after its body was turned about the picture's upright and level axes, nearest points to the right and down.
function turned(frame, across, down) {
  let [r, d, f] = frame;
  [r, f] = [mix(r, f, Math.cos(across), -Math.sin(across)), mix(r, f, Math.sin(across), Math.cos(across))];
  [d, f] = [mix(d, f, Math.cos(down), -Math.sin(down)), mix(d, f, Math.sin(down), Math.cos(down))];
  const forward = normed(f); // rounding adds up over a long drag
  const right = normed(cross(d, forward));
  return [right, cross(forward, right), forward];
}

function mix(a, b, s, t) {
  return a.map((value, i) => s * value + t * b[i]);
}

scatterkit.Bodies = class {
  constructor(element) {
    this.element = element;
    this.canvases = [...element.querySelectorAll("canvas")];
    this.bodies = this.canvases.map(() => null);
    this.slider = element.querySelector("input[type=range]");
    this.output = element.querySelector("output");
    this.reset();
    this.listen();
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.load();
    }, { rootMargin: "200px" }).observe(element);
    new ResizeObserver(() => this.draw()).observe(element);
  }

  async load() {
    await Promise.all(this.canvases.map(async (canvas, i) => {
      const data = JSON.parse(canvas.parentElement.querySelector("script").textContent);
      const mesh = await scatterkit.unpack(data);
      const normals = scatterkit.normals(mesh);
      const { soft_edge: soft, sharp_edge: sharp } = scatterkit.look;
      const edges = scatterkit.facetEdges(mesh, normals.units, soft, sharp);
      const [low, high] = bounds(mesh.points);
      const center = low.map((value, axis) => (value + high[axis]) / 2);
      const { hidden, reach } = data;
      this.bodies[i] = { mesh, normals, edges, center, tip: low[2], entry: scatterkit.entryMap(mesh), hidden, reach };
    }));
    this.draw();
  }

  reset() {
    this.frame = VIEWS.aslant;
    this.zoom = 1;
    this.slider.value = 0;
  }

  listen() {
    for (const canvas of this.canvases) {
      canvas.addEventListener("pointerdown", (event) => {
        canvas.setPointerCapture(event.pointerId);
        canvas.focus({ preventScroll: true });
        this.last = [event.clientX, event.clientY];
      });
      canvas.addEventListener("pointermove", (event) => this.drag(canvas, event));
      for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (this.last = null));
      canvas.addEventListener("wheel", (event) => {
        if (document.activeElement !== canvas && !event.ctrlKey) return; // the page scrolls
        event.preventDefault();
        this.change(() => this.zoomBy(Math.exp(-0.0015 * event.deltaY)));
      }, { passive: false });
      canvas.addEventListener("keydown", (event) => this.key(event));
    }
    this.slider.addEventListener("input", () => this.change(() => {}));
    for (const button of this.element.querySelectorAll("button"))
      button.addEventListener("click", () => this.change(() => this.press(button.dataset.view)));
  }

  press(name) {
    if (name === "reset") this.reset();
    else this.frame = VIEWS[name];
  }

  drag(canvas, event) {
    if (!this.last) return;
    const [dx, dy] = [event.clientX - this.last[0], event.clientY - this.last[1]];
    this.last = [event.clientX, event.clientY];
    const pixel = Math.PI / canvas.clientWidth; // across the whole picture: half a turn
    this.change(() => (this.frame = turned(this.frame, dx * pixel, dy * pixel)));
  }

  key(event) {
    const turn = (across, down) => () => (this.frame = turned(this.frame, across * STEP, down * STEP));
    const cut = (steps) => () => this.slider[steps > 0 ? "stepUp" : "stepDown"](Math.abs(steps));
    const action = {
      ArrowLeft: turn(-1, 0),
      ArrowRight: turn(1, 0),
      ArrowUp: turn(0, -1),
      ArrowDown: turn(0, 1),
      "+": () => this.zoomBy(1.15),
      "=": () => this.zoomBy(1.15),
      "-": () => this.zoomBy(1 / 1.15),
      PageDown: cut(5),
      PageUp: cut(-5),
      0: () => this.reset(),
      Home: () => this.reset(),
    }[event.key];
    if (!action || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.change(action);
  }

  zoomBy(factor) {
    this.zoom = Math.min(20, Math.max(0.3, this.zoom * factor));
  }

  // Pictures in motion are coarser.
  change(action) {
    action();
    this.element.dataset.state = "moving";
    clearTimeout(this.settle);
    this.settle = setTimeout(() => this.draw(), SETTLE);
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0;
      this.draw(1);
    });
  }

  draw(ratio = 0) {
    if (!this.bodies.every(Boolean)) return;
    const sharp = ratio === 0;
    if (sharp) ratio = Math.max(2, window.devicePixelRatio);
    const cut = Number(this.slider.value);
    const words = cut > 0 ? `${cut} nm behind the tip` : "whole body";
    this.output.textContent = words;
    this.slider.setAttribute("aria-valuetext", words);
    this.bodies.forEach((body, i) => this.drawOne(this.canvases[i], body, cut, ratio));
    if (sharp) this.element.dataset.state = "still";
  }

  drawOne(canvas, body, cut, ratio) {
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (width === 0 || height === 0) return;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    const scale = (this.zoom * FILL * Math.min(width, height)) / body.reach;
    const camera = { frame: this.frame, center: body.center, scale, width, height };
    const plane = cut > 0 ? body.tip + cut : -Infinity;
    const image = scatterkit.paint(body, camera, plane, scatterkit.look);
    scatterkit.compose(canvas, image, camera, body.reach, ratio);
  }
};

function bounds(points) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  for (let i = 0; i < points.length; i++) {
    low[i % 3] = Math.min(low[i % 3], points[i]);
    high[i % 3] = Math.max(high[i % 3], points[i]);
  }
  return [low, high];
}

document.addEventListener("DOMContentLoaded", () => {
  scatterkit.groups = [...document.querySelectorAll(".bodies")].map((element) => new scatterkit.Bodies(element));
});
