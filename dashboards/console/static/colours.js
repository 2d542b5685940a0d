"use strict";
// The colours of pictures: nine points of matplotlib's viridis (public domain), which is perceptually uniform and reads
// the same for the colour-blind; the same as in evidence pictures. images.js draws with them, too. A picture's value v stands for 4092 (v / 255)² counts.

const colours = (() => {
  const FULL_SCALE_COUNTS = 4092;
  const POINTS = [
    [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
    [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
  ];

  /** 256 colours (red, green, blue, opaque) evenly along these points. */
  function table(points) {
    const rgba = new Uint8Array(256 * 4);
    for (let value = 0; value < 256; value++) {
      const place = (value / 255) * (points.length - 1);
      const low = Math.min(Math.floor(place), points.length - 2);
      for (let part = 0; part < 3; part++) {
        rgba[4 * value + part] = Math.round(points[low][part] + (place - low) * (points[low + 1][part] - points[low][part]));
      }
      rgba[4 * value + 3] = 255;
    }
    return rgba;
  }

  const COUNTS = table(POINTS);
  const words = new Uint32Array(COUNTS.buffer);

  /** Draw values (Uint8Array, rows one after the other) on a canvas of their size. */
  function draw(canvas, values) {
    const context = canvas.getContext("2d", { alpha: false });
    const image = context.createImageData(canvas.width, canvas.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let place = 0; place < pixels.length; place++) pixels[place] = words[values[place]];
    context.putImageData(image, 0, 0);
  }

  /** Draw the scale itself, from 0 at the left to full scale. */
  function drawScale(canvas) {
    const values = new Uint8Array(canvas.width * canvas.height);
    for (let place = 0; place < values.length; place++) {
      values[place] = Math.round((255 * (place % canvas.width)) / (canvas.width - 1));
    }
    draw(canvas, values);
  }

  /** The counts that a part (0 to 1) of the scale stands for. */
  function countsAt(part) {
    return Math.round(FULL_SCALE_COUNTS * part * part);
  }

  return { COUNTS, FULL_SCALE_COUNTS, countsAt, draw, drawScale, table };
})();
