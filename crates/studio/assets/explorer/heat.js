// Heat maps in colours that are told apart by people who do not see all colours, and in grey.

/** Stops of viridis, by Stefan van der Walt and Nathaniel Smith: from dark to bright whatever colours one sees. */
const STOPS = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]];

/** The colours of 0 to 255. */
const COLOURS = Array.from({ length: 256 }, (_, level) => {
  const at = level / 255 * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(at));
  return STOPS[low].map((from, i) => Math.round(from + (STOPS[low + 1][i] - from) * (at - low)));
});

/** Bytes of base64. */
export function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

/** Draws a picture and, over it, a map of bytes `[height, width]`; `cover` is how much of the picture the colours cover, 0 to 1. */
export function draw(canvas, picture, map, [height, width], cover) {
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = false;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const heat = document.createElement('canvas');
  heat.width = width;
  heat.height = height;
  const painted = new ImageData(width, height);
  map.forEach((level, i) => painted.data.set([...COLOURS[level], 255], 4 * i));
  heat.getContext('2d').putImageData(painted, 0, 0);
  context.imageSmoothingEnabled = true;
  context.globalAlpha = cover;
  context.drawImage(heat, 0, 0, canvas.width, canvas.height);
  context.globalAlpha = 1;
}

/** Draws the legend: all colours from left to right. */
export function legend(canvas) {
  canvas.width = 256;
  canvas.height = 1;
  const painted = new ImageData(256, 1);
  COLOURS.forEach((colour, i) => painted.data.set([...colour, 255], 4 * i));
  canvas.getContext('2d').putImageData(painted, 0, 0);
}
