"use strict";
// The evidence of an episode on canvas, and what its stage recorded around the shot.

(() => {
  const ROWS = 102;
  const COLUMNS = 128;
  // Many look at shots at once, or a disk is slow: that may pass.
  const MOST_ATTEMPTS = 4;
  const images = () => window.petawatch.images;

  const sentence = (place, words, bad) => {
    const told = document.createElement("p");
    told.className = bad ? "told bad" : "quiet";
    told.textContent = words;
    place.append(told);
  };

  const said = async (answer) => {
    try {
      return (await answer.json()).error;
    } catch {
      return `The console answers ${answer.status}.`;
    }
  };

  const showEvidence = async (place) => {
    const answer = await fetch(place.dataset.evidence, { headers: { Accept: "application/octet-stream" } });
    if (!answer.ok) { sentence(place, await said(answer), true); return; }
    const bytes = await answer.arrayBuffer();
    const pixels = ROWS * COLUMNS;
    const raw = new Uint16Array(bytes, 0, pixels);
    const [cleaned, reconstruction, residual] = [0, 1, 2].map((number) =>
      new Float32Array(bytes, 2 * pixels + 4 * pixels * number, pixels));
    const canvas = (name) => place.querySelector(`canvas[data-array="${name}"]`);
    images().counts(canvas("raw"), raw, ROWS, COLUMNS);
    images().counts(canvas("cleaned"), cleaned, ROWS, COLUMNS);
    images().counts(canvas("reconstruction"), reconstruction, ROWS, COLUMNS);
    const opacity = document.getElementById("opacity");
    const lay = () => images().overlay(canvas("overlay"), cleaned, residual, ROWS, COLUMNS, opacity.value / 100);
    opacity.addEventListener("input", lay);
    lay();
    place.dataset.shown = "yes";
  };

  const counts = (text) => {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return new Uint16Array(bytes.buffer);
  };

  const heading = (place, words) => {
    const head = document.createElement("h3");
    head.textContent = words;
    place.append(head);
  };

  const showShots = (place, camera) => {
    heading(place, camera.name);
    const strip = document.createElement("div");
    strip.className = "strip";
    for (const shot of camera.shots) {
      const figure = document.createElement("figure");
      const canvas = document.createElement("canvas");
      const caption = document.createElement("figcaption");
      caption.textContent = `${shot.when}, ${shot.time.slice(11, -1)}, peak ${shot.peak.toLocaleString("en")}`;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `${camera.name}, ${caption.textContent}`);
      figure.classList.toggle("chosen", shot.when === "this shot");
      figure.append(canvas, caption);
      strip.append(figure);
      images().counts(canvas, counts(shot.counts), shot.rows, shot.columns);
    }
    place.append(strip);
  };

  // Lines that the colour-blind tell apart (Okabe and Ito), the shot's own the thickest.
  const STROKES = [["#56b4e9", 2.5, []], ["#e69f00", 1.5, [9, 6]], ["#cc79a7", 1.5, [3, 4]]];

  const chart = (place, name, data, series, labels, mark) => {
    const frame = document.createElement("div");
    frame.className = "chart small";
    frame.setAttribute("role", "img");
    frame.setAttribute("aria-label", name);
    place.append(frame);
    const size = () => ({ width: Math.max(frame.clientWidth, 280), height: 220 });
    const style = getComputedStyle(document.documentElement);
    const [quiet, line] = ["--quiet", "--line"].map((each) => style.getPropertyValue(each).trim());
    const font = `${Math.round(0.8 * parseFloat(style.fontSize))}px system-ui, sans-serif`;
    const axis = (label) => ({ label, stroke: quiet, grid: { stroke: line, width: 1 }, ticks: { stroke: line }, font,
      labelFont: font, size: 62, labelSize: 24,
      values: (_, splits) => splits.map((value) => value.toLocaleString("en", { maximumSignificantDigits: 6 })) });
    const plot = new window.uPlot({
      ...size(),
      scales: { x: { time: false } },
      axes: [{ ...axis(labels[0]), size: 40 }, axis(labels[1])],
      legend: { show: series.length > 1, live: false },
      series: [{ label: labels[0] }, ...series],
      hooks: { draw: [(drawn) => {
        if (mark === null) return;
        const x = Math.round(drawn.valToPos(mark, "x", true));
        drawn.ctx.save();
        drawn.ctx.strokeStyle = style.getPropertyValue("--high-text").trim();
        drawn.ctx.beginPath();
        drawn.ctx.moveTo(x, drawn.bbox.top);
        drawn.ctx.lineTo(x, drawn.bbox.top + drawn.bbox.height);
        drawn.ctx.stroke();
        drawn.ctx.restore();
      }] },
    }, data, frame);
    new ResizeObserver(() => { if (plot.width !== size().width) plot.setSize(size()); }).observe(frame);
  };

  const showMeter = (place, meter) => {
    const name = `${meter.name}: energy before and after the shot`;
    heading(place, name);
    chart(place, name, [meter.seconds, meter.joules],
      [{ label: "J", stroke: STROKES[0][0], width: 1.5, points: { show: true, size: 6 } }], ["seconds from the shot", "J"], 0);
  };

  const showSpectra = (place, spectrometer) => {
    const longest = Math.max(...spectrometer.curves.map((curve) => curve.values.length));
    const name = `${spectrometer.name}: spectrum`;
    heading(place, name);
    chart(place, name, [[...Array(longest).keys()], ...spectrometer.curves.map((curve) => curve.values)],
      spectrometer.curves.map((curve, number) => ({ label: curve.name, stroke: STROKES[number % 3][0],
        width: STROKES[number % 3][1], dash: STROKES[number % 3][2], points: { show: false } })), ["sample", "a.u."], null);
  };

  const showAround = async (place) => {
    let answer;
    for (let attempts = 1; ; attempts++) {
      answer = await fetch(place.dataset.around, { headers: { Accept: "application/json" } });
      if (answer.status !== 503 || attempts === MOST_ATTEMPTS) break;
      await new Promise((resolve) => { setTimeout(resolve, 1000 * attempts); });
    }
    if (!answer.ok) { place.replaceChildren(); sentence(place, await said(answer), true); return; }
    const found = await answer.json();
    place.replaceChildren();
    if (found.trouble) sentence(place, found.trouble, true);
    found.cameras.filter((camera) => camera.shots.length).forEach((camera) => showShots(place, camera));
    const charts = document.createElement("div");
    charts.className = "grid";
    place.append(charts);
    const shows = [
      ...found.meters.filter((meter) => meter.seconds.length).map((meter) => (cell) => showMeter(cell, meter)),
      ...found.spectrometers.filter((each) => each.curves.length).map((each) => (cell) => showSpectra(cell, each)),
    ];
    // All places first: each is as wide as the others leave it.
    const cells = shows.map(() => document.createElement("div"));
    charts.append(...cells);
    shows.forEach((show, number) => show(cells[number]));
    if (!found.trouble && !place.querySelector("canvas")) sentence(place, "The stage recorded nothing valid around it.", false);
    place.dataset.shown = "yes";
  };

  const attempt = async (place, show) => {
    try {
      await show(place);
    } catch {
      sentence(place, "The console does not answer; load the page again.", true);
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    const evidence = document.querySelector("[data-evidence]");
    const around = document.getElementById("around");
    if (evidence !== null) attempt(evidence, showEvidence);
    if (around !== null) attempt(around, showAround);
  });
})();
