// The canvas: the position of the picture, the divider, and input by pointer, wheel and keys.

const NEAR = 14; // CSS pixels around the divider in which it can be dragged
const MAX_ZOOM = 16; // device pixels per pixel of the picture
const SMOOTH = 3; // device pixels per pixel below which pixels are interpolated

export class Stage {
  // onmove: the view changed; onsplit: the divider moved; onstroke(x, y, radius, end): a brush at a
  // place of the picture.
  constructor(canvas, { onmove, onsplit, onstroke }) {
    Object.assign(this, { canvas, onmove, onsplit, onstroke });
    this.split = 0.5;
    this.brush = null; // radius in CSS pixels while a brush is selected
    this.overlay = null;
    this.original = false; // whether only the picture before is shown
    this.smooth = false; // whether enlarged pixels are interpolated
    this.forget();
    this.fingers = new Map();
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"])
      canvas.addEventListener(end, (event) => this.#up(event));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#resized()).observe(canvas);
  }

  // A new picture, scaled to fit the screen.
  show(width, height) {
    this.forget();
    Object.assign(this, { width, height });
    this.#resize();
    this.fit();
  }

  forget() {
    this.width = this.height = 0;
    this.before = this.after = null; // {bitmap, box}
    this.x = this.y = 0; // of the picture at the canvas's corner
    this.zoom = 1; // device pixels per pixel of the picture
    this.fitted = true;
  }

  get density() {
    return window.devicePixelRatio || 1;
  }

  fit() {
    const whole = Math.min(this.canvas.width / this.width, this.canvas.height / this.height);
    this.#at(Math.min(whole, MAX_ZOOM), this.width / 2, this.height / 2);
    this.fitted = true;
  }

  zoomTo(zoom, clientX, clientY) {
    const [x, y] = clientX === undefined ? this.middle() : this.place(clientX, clientY);
    const least = Math.min(this.canvas.width / this.width, this.canvas.height / this.height, 1) / 2;
    zoom = Math.max(least, Math.min(MAX_ZOOM, zoom));
    // The place under the pointer stays there.
    this.x = x - (x - this.x) * (this.zoom / zoom);
    this.y = y - (y - this.y) * (this.zoom / zoom);
    this.zoom = zoom;
    this.fitted = false;
    this.#settle();
  }

  middle() {
    return [
      this.x + this.canvas.width / 2 / this.zoom,
      this.y + this.canvas.height / 2 / this.zoom,
    ];
  }

  // From client coordinates to coordinates of the picture.
  place(clientX, clientY) {
    const box = this.canvas.getBoundingClientRect();
    return [
      this.x + ((clientX - box.left) * this.density) / this.zoom,
      this.y + ((clientY - box.top) * this.density) / this.zoom,
    ];
  }

  // The part of the picture that is on the screen: left, top, width, height in its pixels.
  box() {
    const left = Math.max(0, Math.floor(this.x)),
      top = Math.max(0, Math.floor(this.y));
    const right = Math.min(this.width, Math.ceil(this.x + this.canvas.width / this.zoom));
    const bottom = Math.min(this.height, Math.ceil(this.y + this.canvas.height / this.zoom));
    return [left, top, Math.max(1, right - left), Math.max(1, bottom - top)];
  }

  // The part of a box that is to the right of the divider, where the restored picture is shown.
  restoredSide([left, top, width, height]) {
    const divider = Math.floor(this.x + (this.canvas.width * this.split) / this.zoom);
    const from = Math.max(left, Math.min(divider, left + width - 1));
    return [from, top, left + width - from, height];
  }

  divide(share) {
    this.split = Math.max(0, Math.min(1, share));
    this.draw();
    this.onsplit();
  }

  draw() {
    const { canvas, before, after } = this,
      context = canvas.getContext("2d");
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!before) return;
    const middle = Math.round(canvas.width * this.split);
    const alone = !after || this.original;
    this.#paint(context, before, 0, alone ? canvas.width : middle);
    if (alone) return;
    // Where no restored view exists yet, the input.
    this.#paint(context, before, middle, canvas.width);
    this.#paint(context, after, middle, canvas.width);
    if (this.overlay)
      this.#paint(
        context,
        { bitmap: this.overlay, box: [0, 0, this.width, this.height] },
        0,
        canvas.width,
      );
    const top = Math.max(0, -this.y * this.zoom),
      high = Math.min(canvas.height, (this.height - this.y) * this.zoom) - top;
    context.fillStyle = "#fff";
    context.fillRect(middle - 1, top, 2, high);
    context.fillStyle = "#0008";
    context.fillRect(middle + 1, top, 1, high);
    const grip = 9 * this.density;
    context.beginPath();
    context.arc(middle, canvas.height / 2, grip, 0, 7);
    context.fillStyle = "#fff";
    context.fill();
    context.strokeStyle = "#0008";
    context.stroke();
  }

  #paint(context, { bitmap, box: [left, top, width, height] }, from, to) {
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.canvas.height);
    context.clip();
    context.imageSmoothingEnabled =
      (width * this.zoom) / bitmap.width < SMOOTH || this.smooth || bitmap === this.overlay;
    context.imageSmoothingQuality = "high";
    context.drawImage(
      bitmap,
      (left - this.x) * this.zoom,
      (top - this.y) * this.zoom,
      width * this.zoom,
      height * this.zoom,
    );
    context.restore();
  }

  #at(zoom, x, y) {
    this.zoom = zoom;
    this.x = x - this.canvas.width / 2 / zoom;
    this.y = y - this.canvas.height / 2 / zoom;
    this.#settle();
  }

  // Keeps the picture on the screen, in the middle where it is smaller, and its pixels on the
  // screen's own: between two of them it would be blurred.
  #settle() {
    for (const [axis, side] of [
      ["x", "width"],
      ["y", "height"],
    ]) {
      const seen = this.canvas[side] / this.zoom,
        room = this[side] - seen;
      const at = room <= 0 ? room / 2 : Math.max(0, Math.min(this[axis], room));
      this[axis] = Math.round(at * this.zoom) / this.zoom;
    }
    this.draw();
    this.onmove();
  }

  #resize() {
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * this.density));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * this.density));
  }

  #resized() {
    if (!this.width) return;
    const middle = this.middle();
    this.#resize();
    if (this.fitted) this.fit();
    else this.#at(this.zoom, ...middle);
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.fingers.size > 1) {
      this.#stroke(event, true);
      this.doing = "pinch";
      return;
    }
    if (this.#nearDivider(event)) this.doing = "divide";
    else if (this.brush) {
      this.doing = "paint";
      this.#stroke(event);
    } else this.doing = "pan";
  }

  #move(event) {
    const was = this.fingers.get(event.pointerId);
    if (!was) {
      this.canvas.classList.toggle("dividing", Boolean(this.after) && this.#nearDivider(event));
      return;
    }
    const before = [...this.fingers.values()];
    this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
    if (this.doing === "paint") this.#stroke(event);
    else if (this.doing === "divide") this.#divide(event);
    else if (this.doing === "pinch" && before.length === 2)
      this.#pinch(before, [...this.fingers.values()]);
    else if (this.doing === "pan") this.#pan(event.clientX - was[0], event.clientY - was[1]);
  }

  #up(event) {
    if (!this.fingers.delete(event.pointerId)) return;
    this.#stroke(event, true);
    this.doing = this.fingers.size ? "rest" : null;
  }

  #stroke(event, end = false) {
    if (this.doing !== "paint" && !(this.doing === "pinch" && end)) return;
    this.onstroke(
      ...this.place(event.clientX, event.clientY),
      (this.brush * this.density) / this.zoom,
      end,
    );
  }

  #nearDivider(event) {
    const box = this.canvas.getBoundingClientRect();
    return Math.abs(event.clientX - box.left - box.width * this.split) < NEAR;
  }

  #divide(event) {
    const box = this.canvas.getBoundingClientRect();
    this.divide((event.clientX - box.left) / box.width);
  }

  #pan(right, down) {
    this.x -= (right * this.density) / this.zoom;
    this.y -= (down * this.density) / this.zoom;
    this.fitted = false;
    this.#settle();
  }

  #pinch([a, b], [c, d]) {
    const apart = (p, q) => Math.hypot(p[0] - q[0], p[1] - q[1]) || 1;
    const [x, y] = [(c[0] + d[0]) / 2, (c[1] + d[1]) / 2];
    this.#pan(x - (a[0] + b[0]) / 2, y - (a[1] + b[1]) / 2);
    this.zoomTo((this.zoom * apart(c, d)) / apart(a, b), x, y);
  }

  #wheel(event) {
    if (!this.width) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.zoomTo(this.zoom * Math.exp((-event.deltaY * lines) / 400), event.clientX, event.clientY);
  }

  #key(event) {
    if (!this.width || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = 64,
      keys = {
        ArrowLeft: () => this.#pan(step, 0),
        ArrowRight: () => this.#pan(-step, 0),
        ArrowUp: () => this.#pan(0, step),
        ArrowDown: () => this.#pan(0, -step),
        "+": () => this.zoomTo(this.zoom * 1.5),
        "=": () => this.zoomTo(this.zoom * 1.5),
        "-": () => this.zoomTo(this.zoom / 1.5),
        0: () => this.fit(),
        1: () => this.zoomTo(this.density),
        Enter: () =>
          this.brush &&
          this.onstroke(...this.middle(), (this.brush * this.density) / this.zoom, true),
      };
    if (!keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  }
}
