// What a picture's file says before it is decoded.
"use strict";

// Returns the size that a file claims, whether it is gray, whether its end is missing and, of a
// JPEG, luma's quantisation table; null for formats that are not looked into.
export function header(data) {
  try {
    if (data.getUint32(0) === 0x89504e47) return pngHeader(data);
    if (data.getUint16(0) === 0xffd8) return jpegHeader(data);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error; // it ends within its header
  }
  return null;
}

function pngHeader(data) {
  const kind = data.getUint8(25);
  let at = 8;
  while (at + 12 <= data.byteLength && data.getUint32(at + 4) !== 0x49454e44) {
    at += 12 + data.getUint32(at);
  }
  return {
    width: data.getUint32(16),
    height: data.getUint32(20),
    gray: kind === 0 || kind === 4,
    damaged: at + 12 > data.byteLength,
  };
}

// Markers among those of frames that begin no picture.
const NO_FRAME = [0xc4, 0xc8, 0xcc];

function jpegHeader(data) {
  const tables = {};
  let at = 2;
  while (data.getUint8(at) === 0xff) {
    const marker = data.getUint8(at + 1);
    if (marker === 0xff) {
      at += 1; // filling
      continue;
    }
    const end = at + 2 + data.getUint16(at + 2);
    if (marker === 0xdb) readTables(data, at + 4, end, tables);
    if (marker >= 0xc0 && marker <= 0xcf && !NO_FRAME.includes(marker)) {
      return frame(data, at, end, tables);
    }
    at = end;
  }
  return null;
}

function frame(data, at, end, tables) {
  return {
    width: data.getUint16(at + 7),
    height: data.getUint16(at + 5),
    gray: data.getUint8(at + 9) === 1,
    table: tables[data.getUint8(at + 12)] || null,
    damaged: !ends(data, end),
  };
}

function readTables(data, at, end, tables) {
  while (at < end) {
    const kind = data.getUint8(at),
      wide = kind >> 4;
    tables[kind & 15] = Array.from({ length: 64 }, (_, i) =>
      wide ? data.getUint16(at + 1 + 2 * i) : data.getUint8(at + 1 + i),
    );
    at += 1 + 64 * (wide ? 2 : 1);
  }
}

// Whether the marker that ends a JPEG is there; what follows it is not looked at.
function ends(data, first) {
  for (let at = data.byteLength - 2; at >= first; at--) {
    if (data.getUint16(at) === 0xffd9) return true;
  }
  return false;
}

// Table K.1 of the JPEG standard (ITU-T T.81), luma at quality 50, in the order of a file.
const LUMA = [
  16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37,
  29, 40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87,
  95, 98, 103, 104, 103, 62, 77, 113, 121, 112, 100, 120, 92, 101, 103, 99,
];

// The quality that a table is libjpeg's of, or the nearest on a scale of ratios.
export function qualityOf(table) {
  const logs = table.map((step) => Math.log(Math.max(1, step)));
  let best = { quality: 0, distance: Infinity };
  for (let quality = 1; quality <= 100; quality++) {
    const scale = quality < 50 ? Math.floor(5000 / quality) : 200 - 2 * quality;
    let distance = 0;
    LUMA.forEach((step, i) => {
      const ours = Math.min(255, Math.max(1, Math.floor((step * scale + 50) / 100)));
      distance += Math.abs(Math.log(ours) - logs[i]);
    });
    if (distance < best.distance) best = { quality, distance };
  }
  return best.quality;
}
