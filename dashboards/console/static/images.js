"use strict";
// Images on canvas, all on one absolute scale: counts from 0 to 4092, residuals from -10 to 10 sigma, whatever an image
// holds, so that any two compare; the colours (colours.js, loaded before) are those of the evidence's PNG.

window.petawatch = window.petawatch || {};

(() => {
  const FULL_SCALE = colours.FULL_SCALE_COUNTS;
  const SIGMAS = 10;
  const BLUE_WHITE_RED = [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]];
  const NOT_A_NUMBER = [128, 128, 128];
  const COUNTS = colours.COUNTS;
  const SIGMA_COLOURS = colours.table(BLUE_WHITE_RED);

  // part: where a value lies on its scale, 0 to 1.
  const colourAt = (table, part, channel) => (Number.isNaN(part) ? NOT_A_NUMBER[channel]
    : table[4 * Math.round(255 * Math.min(Math.max(part, 0), 1)) + channel]);

  const paint = (canvas, rows, columns, parts, table) => {
    canvas.width = columns;
    canvas.height = rows;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(columns, rows);
    for (let pixel = 0; pixel < rows * columns; pixel += 1) {
      for (let channel = 0; channel < 3; channel += 1) {
        picture.data[4 * pixel + channel] = colourAt(table, parts(pixel), channel);
      }
      picture.data[4 * pixel + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  };

  const counts = (canvas, values, rows, columns, full = FULL_SCALE) =>
    paint(canvas, rows, columns, (pixel) => values[pixel] / full, COUNTS);

  const signed = (canvas, values, rows, columns, most) =>
    paint(canvas, rows, columns, (pixel) => 0.5 + values[pixel] / (2 * most), SIGMA_COLOURS);

  // The residual lies over the image in grey, the denser the larger it is.
  const overlay = (canvas, image, residual, rows, columns, opacity) => {
    canvas.width = columns;
    canvas.height = rows;
    const context = canvas.getContext("2d");
    const picture = context.createImageData(columns, rows);
    for (let pixel = 0; pixel < rows * columns; pixel += 1) {
      const grey = 255 * Math.min(Math.max(image[pixel] / FULL_SCALE, 0), 1);
      const part = residual[pixel] / SIGMAS;
      const dense = Number.isNaN(part) ? opacity : opacity * Math.min(Math.abs(part), 1);
      for (let channel = 0; channel < 3; channel += 1) {
        const colour = colourAt(SIGMA_COLOURS, 0.5 + part / 2, channel);
        picture.data[4 * pixel + channel] = (1 - dense) * grey + dense * colour;
      }
      picture.data[4 * pixel + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
  };

  const scale = (canvas, table) => {
    const { width, height } = canvas;
    paint(canvas, height, width, (pixel) => (pixel % width) / (width - 1), table);
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const canvas of document.querySelectorAll("canvas[data-scale]")) {
      scale(canvas, canvas.dataset.scale === "counts" ? COUNTS : SIGMA_COLOURS);
    }
  });

  window.petawatch.images = { counts, signed, overlay, FULL_SCALE, SIGMAS };
})();
