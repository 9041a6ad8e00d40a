// Writes a PNG row by row, in constant memory. A canvas has a maximum size and changes the colours
// of transparent pixels. For libraries see "PNG files of the static page" in docs/experiments.md.
"use strict";

const KINDS = { 1: 0, 3: 2, 4: 6 };
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

export class PngFile {
  constructor(width, height, channels) {
    this.width = width;
    this.channels = channels;
    this.above = new Uint8Array(width * channels);
    const size = new DataView(new ArrayBuffer(13));
    size.setUint32(0, width);
    size.setUint32(4, height);
    size.setUint8(8, 8);
    size.setUint8(9, KINDS[channels]);
    this.parts = [
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
      chunk("IHDR", new Uint8Array(size.buffer)),
    ];
    const compressed = new CompressionStream("deflate");
    this.writer = compressed.writable.getWriter();
    this.compressing = this.take(compressed.readable.getReader());
  }

  async take(reader) {
    for (let next = await reader.read(); !next.done; next = await reader.read())
      this.parts.push(chunk("IDAT", next.value));
  }

  // Adds whole rows of RGBA.
  async add(pixels) {
    const { width, channels } = this,
      rows = pixels.length / 4 / width,
      line = 1 + width * channels;
    const filtered = new Uint8Array(rows * line);
    let row = new Uint8Array(width * channels);
    for (let y = 0; y < rows; y++) {
      for (let x = 0, i = 0; x < width; x++) {
        for (let c = 0; c < channels; c++) row[i++] = pixels[4 * (y * width + x) + c];
      }
      paeth(row, this.above, channels, filtered.subarray(y * line, (y + 1) * line));
      [this.above, row] = [row, this.above];
    }
    await this.writer.write(filtered);
  }

  async blob() {
    await this.writer.close();
    await this.compressing;
    return new Blob([...this.parts, chunk("IEND", new Uint8Array())], { type: "image/png" });
  }
}

// Filter 4 of the PNG standard: each byte minus its Paeth predictor.
function paeth(row, above, channels, result) {
  result[0] = 4;
  for (let i = 0; i < row.length; i++) {
    const a = i < channels ? 0 : row[i - channels],
      b = above[i],
      c = i < channels ? 0 : above[i - channels];
    const da = Math.abs(b - c),
      db = Math.abs(a - c),
      dc = Math.abs(a + b - 2 * c);
    result[i + 1] = row[i] - (da <= db && da <= dc ? a : db <= dc ? b : c);
  }
}

function chunk(name, data) {
  const whole = new Uint8Array(data.length + 12),
    view = new DataView(whole.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) whole[4 + i] = name.charCodeAt(i);
  whole.set(data, 8);
  let sum = 0xffffffff;
  for (let i = 4; i < data.length + 8; i++) sum = TABLE[(sum ^ whole[i]) & 255] ^ (sum >>> 8);
  view.setUint32(data.length + 8, ~sum >>> 0);
  return whole;
}
