// A painting of stronger (towards white) and weaker (towards black) restoration. It has fewer pixels
// than the picture and is scaled to it.

const SIDE = 512,
  FLOW = 0.35;

export class Painting {
  // `neutral`: the gray that keeps the level.
  constructor(width, height, neutral) {
    this.neutral = neutral;
    this.grays = { stronger: 255, weaker: 0, erase: neutral };
    this.scale = Math.min(1, SIDE / Math.max(width, height));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
  }

  clear() {
    this.context.fillStyle = `rgb(${this.neutral}, ${this.neutral}, ${this.neutral})`;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.last = null;
    this.number = 0; // of this state; 0 if nothing is painted
  }

  // Paints from the last position to this one, softer towards the edge; in pixels of the picture.
  stroke(brush, x, y, radius, number) {
    const end = [x * this.scale, y * this.scale],
      reach = Math.max(1, radius * this.scale);
    const start = this.last ?? end,
      length = Math.hypot(end[0] - start[0], end[1] - start[1]);
    const steps = Math.max(1, Math.round(length / (reach / 3)));
    for (let step = 1; step <= steps; step++) {
      this.#dab(
        brush,
        start[0] + ((end[0] - start[0]) * step) / steps,
        start[1] + ((end[1] - start[1]) * step) / steps,
        reach,
      );
    }
    this.last = end;
    this.number = number;
  }

  lift() {
    this.last = null;
  }

  #dab(brush, x, y, reach) {
    const gray = this.grays[brush],
      soft = this.context.createRadialGradient(x, y, 0, x, y, reach);
    soft.addColorStop(0, `rgba(${gray}, ${gray}, ${gray}, ${FLOW})`);
    soft.addColorStop(0.5, `rgba(${gray}, ${gray}, ${gray}, ${FLOW})`);
    soft.addColorStop(1, `rgba(${gray}, ${gray}, ${gray}, 0)`);
    this.context.fillStyle = soft;
    this.context.fillRect(x - reach, y - reach, 2 * reach, 2 * reach);
  }

  // The painting as a transparent overlay: green where stronger, violet where weaker.
  overlay() {
    const { width, height } = this.canvas,
      data = this.context.getImageData(0, 0, width, height);
    for (let i = 0; i < data.data.length; i += 4) {
      const strength = data.data[i] - this.neutral;
      data.data.set(strength > 0 ? [30, 170, 90] : [150, 70, 200], i);
      // A soft eraser leaves a difference of a few gray levels.
      data.data[i + 3] = Math.abs(strength) < 3 ? 0 : Math.min(110, 20 + Math.abs(strength));
    }
    const overlay = document.createElement("canvas");
    Object.assign(overlay, { width, height });
    overlay.getContext("2d").putImageData(data, 0, 0);
    return overlay;
  }

  grays() {
    const { width, height } = this.canvas,
      { data } = this.context.getImageData(0, 0, width, height);
    const gray = Uint8Array.from({ length: width * height }, (_, i) => data[4 * i]);
    return { width, height, gray, neutral: this.neutral };
  }

  file() {
    return new Promise((done) => this.canvas.toBlob(done, "image/png"));
  }
}
