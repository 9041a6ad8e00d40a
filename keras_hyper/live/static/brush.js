// What is painted on a picture: gray where nothing is, towards white where the restoration is to be
// stronger, towards black where weaker. Coarser than the picture, and stretched over it.

const SIDE = 512, NEUTRAL = 128, FLOW = 0.35;
const ENDS = { stronger: 255, weaker: 0, erase: NEUTRAL };

export class Painting {
  constructor(width, height) {
    this.scale = Math.min(1, SIDE / Math.max(width, height));
    this.canvas = document.createElement("canvas");
    this.canvas.width = Math.max(1, Math.round(width * this.scale));
    this.canvas.height = Math.max(1, Math.round(height * this.scale));
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    this.clear();
  }

  clear() {
    this.context.fillStyle = `rgb(${NEUTRAL}, ${NEUTRAL}, ${NEUTRAL})`;
    this.context.fillRect(0, 0, this.canvas.width, this.canvas.height);
    this.last = null;
    this.number = 0; // of the state; 0 is nothing painted
  }

  // Paints from the last place to this one, softer towards the rim; in the picture's pixels.
  stroke(brush, x, y, radius, number) {
    const end = [x * this.scale, y * this.scale], reach = Math.max(1, radius * this.scale);
    const start = this.last ?? end, length = Math.hypot(end[0] - start[0], end[1] - start[1]);
    const steps = Math.max(1, Math.round(length / (reach / 3)));
    for (let step = 1; step <= steps; step++) {
      this.#dab(brush, start[0] + ((end[0] - start[0]) * step) / steps, start[1] + ((end[1] - start[1]) * step) / steps, reach);
    }
    this.last = end;
    this.number = number;
  }

  lift() { this.last = null; }

  #dab(brush, x, y, reach) {
    const gray = ENDS[brush], soft = this.context.createRadialGradient(x, y, 0, x, y, reach);
    soft.addColorStop(0, `rgba(${gray}, ${gray}, ${gray}, ${FLOW})`);
    soft.addColorStop(0.5, `rgba(${gray}, ${gray}, ${gray}, ${FLOW})`);
    soft.addColorStop(1, `rgba(${gray}, ${gray}, ${gray}, 0)`);
    this.context.fillStyle = soft;
    this.context.fillRect(x - reach, y - reach, 2 * reach, 2 * reach);
  }

  // The painting as a veil over the picture: green where stronger, violet where weaker.
  veil() {
    const { width, height } = this.canvas, data = this.context.getImageData(0, 0, width, height);
    for (let i = 0; i < data.data.length; i += 4) {
      const strength = data.data[i] - NEUTRAL;
      data.data.set(strength > 0 ? [30, 170, 90] : [150, 70, 200], i);
      // Below some steps of gray it is what soft erasing leaves.
      data.data[i + 3] = Math.abs(strength) < 3 ? 0 : Math.min(110, 20 + Math.abs(strength));
    }
    const veil = document.createElement("canvas");
    Object.assign(veil, { width, height });
    veil.getContext("2d").putImageData(data, 0, 0);
    return veil;
  }

  file() { return new Promise((done) => this.canvas.toBlob(done, "image/png")); }
}
