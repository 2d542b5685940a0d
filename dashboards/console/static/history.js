"use strict";
// Histories: the drawings of a page share their time; each series is asked for once, as fine as the stretch allows.

(() => {
  // Okabe and Ito's colours, which the colour-blind tell apart, and dashes besides.
  const STROKES = [["#56b4e9", []], ["#e69f00", [8, 5]], ["#cc79a7", [3, 4]], ["#009e73", [12, 4, 3, 4]],
    ["#f0e442", [5, 3]], ["#d55e00", [2, 3]]];
  const REFRESH_MS = 10000;
  const cursors = window.uPlot.sync("history");

  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const history = document.getElementById("history");
  const stretch = { from: Number(history.dataset.from), to: Number(history.dataset.to) };

  const episodesOf = (page) => [...page.querySelectorAll("[data-episode]")].map((row) => ({
    first: Number(row.dataset.first), last: Number(row.dataset.last), severity: row.dataset.severity }));
  let episodes = episodesOf(document);

  // Whether axes reach to the last outlier, or show what is usual with the outliers as marks at their ends.
  const ALL = "petawatch.history.all";
  const all = document.getElementById("all-values");
  all.checked = sessionStorage.getItem(ALL) !== null;

  const addresses = (charts) => {
    const columns = new Map();
    for (const chart of charts) {
      for (const curve of chart.document.curves) {
        if (!columns.has(curve.source)) columns.set(curve.source, new Set());
        columns.get(curve.source).add(curve.column);
      }
    }
    return [...columns].map(([source, wanted]) => {
      const query = new URLSearchParams({ from_s: stretch.from, to_s: stretch.to });
      if (source.startsWith("/devices/")) query.set("columns", [...wanted].sort().join(","));
      return [source, `${source}?${query}`];
    });
  };

  const markEpisodes = (plot) => {
    const { ctx, bbox } = plot;
    const pixel = window.devicePixelRatio || 1;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, 0, bbox.width, bbox.top + bbox.height);
    ctx.clip();
    for (const each of episodes) {
      const left = plot.valToPos(each.first, "x", true);
      const width = Math.max(plot.valToPos(each.last, "x", true) - left, 3 * pixel);
      const height = { high: 8, medium: 6, low: 4 }[each.severity] * pixel;
      ctx.fillStyle = colour(`--${each.severity}`);
      ctx.globalAlpha = 0.16;
      ctx.fillRect(left, bbox.top, width, bbox.height);
      ctx.globalAlpha = 1;
      ctx.fillRect(left, bbox.top - height, width, height);
    }
    ctx.restore();
  };

  // Marks grow with the letters of large screens.
  const scale = parseFloat(style.fontSize) / 16;

  // Below the curves: where frames had no beam, the fuller the more of them.
  const markWithout = (plot, chart, series) => {
    const found = chart.document.without ? series.get(chart.document.curves[0].source) : undefined;
    if (found === undefined || found.without === undefined) return;
    const { ctx, bbox } = plot;
    const pixel = (window.devicePixelRatio || 1) * scale;
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    ctx.fillStyle = colour("--quiet");
    found.without.forEach((count, at) => {
      if (!count) return;
      const left = plot.valToPos(found.time_s[at] - found.width_s / 2, "x", true);
      const width = Math.max(plot.valToPos(found.time_s[at] + found.width_s / 2, "x", true) - left, pixel);
      ctx.globalAlpha = 0.25 + 0.75 * (count / found.rows[at]);
      ctx.fillRect(left, bbox.top + bbox.height - 5 * pixel, width, 5 * pixel);
    });
    ctx.restore();
  };

  // At the ends of the axis: what lies beyond it.
  const markBeyond = (plot) => {
    const { ctx, bbox } = plot;
    const pixel = (window.devicePixelRatio || 1) * scale;
    const { min, max } = plot.scales.y;
    const triangle = (x, up) => {
      const tip = up ? bbox.top : bbox.top + bbox.height;
      const base = tip + (up ? 8 : -8) * pixel;
      ctx.beginPath();
      ctx.moveTo(x, tip);
      ctx.lineTo(x - 5 * pixel, base);
      ctx.lineTo(x + 5 * pixel, base);
      ctx.fill();
    };
    ctx.save();
    plot.series.forEach((line, number) => {
      if (number === 0) return;
      ctx.fillStyle = line.beyond;
      plot.data[number].forEach((value, at) => {
        if (value === null || value === undefined || (value <= max && value >= min)) return;
        triangle(plot.valToPos(plot.data[0][at], "x", true), value > max);
      });
    });
    ctx.restore();
  };

  const iso = (seconds) => new Date(1000 * seconds).toISOString();
  const zoomTo = (from, to) => {
    if (to - from < 0.2) return;
    location.assign(`${history.dataset.path}?${new URLSearchParams({ from: iso(from), to: iso(to) })}`);
  };

  // One table of aligned columns for each source, then all of them over one time.
  const aligned = (chart, series) => {
    const tables = [];
    for (const curve of chart.document.curves) {
      const found = series.get(curve.source);
      if (found === undefined || found.columns[curve.column] === undefined) continue;
      const { least, mean, greatest } = found.columns[curve.column];
      tables.push(curve.shown === "band" ? [found.time_s, mean, least, greatest]
        : [found.time_s, curve.shown === "greatest" ? greatest : mean]);
    }
    return tables.length ? window.uPlot.join(tables) : null;
  };

  const words = (value) => (value === null || value === undefined || Number.isNaN(value) ? "-" : Number(value.toPrecision(5)).toLocaleString("en"));

  const edges = (curve, column) => (curve.shown === "band" ? [column.least, column.greatest]
    : curve.shown === "greatest" ? [column.greatest, column.greatest] : [column.mean, column.mean]);

  // What the axis reaches over: null when nothing is known.
  const axisRange = (chart, series) => {
    const { least, greatest, curves } = chart.document;
    let low = Infinity, high = -Infinity;
    for (const curve of curves) {
      const found = series.get(curve.source);
      const column = found && found.columns[curve.column];
      if (!column || column.usual === null) continue;
      const [lows, highs] = edges(curve, column);
      const known = (values) => values.filter((value) => value !== null);
      low = Math.min(low, all.checked ? known(lows).reduce((a, b) => Math.min(a, b), Infinity) : column.usual[0]);
      high = Math.max(high, all.checked ? known(highs).reduce((a, b) => Math.max(a, b), -Infinity) : column.usual[1]);
    }
    if (low > high) [low, high] = [least === null ? 0 : least, greatest === null ? 1 : greatest];
    const room = 0.06 * (high - low || Math.abs(high) || 1);
    return [least === null ? low - room : Math.min(least, low), greatest === null ? high + room : greatest + 2];
  };

  // How many points lie beyond the axis.
  const beyond = (chart, series) => {
    const [low, high] = chart.range;
    let count = 0;
    for (const curve of chart.document.curves) {
      const found = series.get(curve.source);
      const column = found && found.columns[curve.column];
      if (!column) continue;
      const [lows, highs] = edges(curve, column);
      count += lows.filter((value, at) => value !== null && (value < low || highs[at] > high)).length;
    }
    return count;
  };

  const inWords = (count) => count.toLocaleString("en");
  const sum = (values) => values.reduce((a, b) => a + b, 0);

  const notes = (chart, series) => {
    const found = series.get(chart.document.curves[0].source);
    const told = [];
    if (chart.document.without && found && found.without) {
      told.push(`${inWords(sum(found.without))} of ${inWords(sum(found.rows))} ${chart.document.without}`);
      const refused = found.refused ? sum(found.refused) : 0;
      if (refused) told.push(`${inWords(refused)} refused`);
    }
    const outside = beyond(chart, series);
    if (outside) told.push(`${inWords(outside)} ${outside === 1 ? "point" : "points"} beyond the axis (triangles)`);
    return told;
  };

  const summary = (chart, series) => [...chart.document.curves.map((curve) => {
    const found = series.get(curve.source);
    const column = found && found.columns[curve.column];
    if (!column) return `${curve.label}: nothing`;
    const known = (values) => values.filter((value) => value !== null);
    const mean = known(column.mean);
    if (!mean.length) return `${curve.label}: nothing was recorded`;
    const least = known(column.least).reduce((a, b) => Math.min(a, b));
    const greatest = known(column.greatest).reduce((a, b) => Math.max(a, b));
    return `${curve.label}: ${words(least)} to ${words(greatest)}`;
  }), ...notes(chart, series)].join("; ");

  // A point between two gaps has no line: it is drawn as one, however many there are.
  const alone = (plot, number, shown) => {
    if (shown) return null;
    const values = plot.data[number];
    const known = (at) => values[at] !== null && values[at] !== undefined;
    const found = [];
    for (let at = 0; at < values.length; at++) if (known(at) && !known(at - 1) && !known(at + 1)) found.push(at);
    return found;
  };

  const lines = (chart, series) => {
    const drawn = [{ label: "time" }];
    const bands = [];
    chart.document.curves.forEach((curve, number) => {
      const found = series.get(curve.source);
      if (found === undefined || found.columns[curve.column] === undefined) return;
      const [stroke, dash] = STROKES[number % STROKES.length];
      const points = { show: found.time_s.length < 150, size: 5, stroke, fill: stroke, filter: alone };
      drawn.push({ label: curve.label, stroke, dash: curve.shown === "band" ? [] : dash, width: 1.5 * scale, points, beyond: stroke });
      if (curve.shown === "band") {
        const edge = { stroke: `${stroke}66`, width: 0.7 * scale, points: { show: false }, beyond: stroke };
        drawn.push({ ...edge, label: "least" }, { ...edge, label: "greatest" });
        bands.push({ series: [drawn.length - 1, drawn.length - 2], fill: `${stroke}30` });
      }
    });
    return { drawn, bands };
  };

  // Times of a day have 24 hours here; the day stands below where it changes.
  const times = (_, splits, __, ___, step) => splits.map((at, number) => {
    const text = iso(at);
    const time = step >= 60 ? text.slice(11, 16) : step >= 1 ? text.slice(11, 19) : text.slice(14, 23);
    const day = text.slice(0, 10);
    return number === 0 || iso(splits[number - 1]).slice(0, 10) !== day ? `${time}\n${day}` : time;
  });
  const amounts = (_, splits) => splits.map((value) => value.toLocaleString("en", { maximumSignificantDigits: 5 }));

  // Room for the longest of them, in units of the page's letters.
  const roomFor = (shown) => Math.max(3.6, 1.1 + 0.5 * Math.max(0, ...(shown || []).map((each) => each.length)));

  const size = (place) => ({ width: Math.max(place.clientWidth, 240), height: Math.round(Math.max(190, 0.115 * window.innerWidth)) });

  const show = (chart, series) => {
    const data = aligned(chart, series);
    const text = chart.figure.querySelector(".summary");
    chart.series = series;
    chart.range = axisRange(chart, series);
    text.textContent = summary(chart, series);
    if (data === null) return;
    if (chart.plot) { chart.plot.setData(data, false); chart.plot.setScale("x", { min: stretch.from, max: stretch.to }); return; }
    const place = chart.figure.querySelector(".plot");
    const { drawn, bands } = lines(chart, series);
    const rem = parseFloat(style.fontSize);
    const font = `${Math.round(0.78 * rem)}px system-ui, sans-serif`;
    const axis = { stroke: colour("--quiet"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, font,
      labelFont: font, labelSize: 1.3 * rem, labelGap: 0 };
    chart.plot = new window.uPlot({
      ...size(place),
      tzDate: (seconds) => window.uPlot.tzDate(new Date(1000 * seconds), "UTC"),
      scales: {
        x: { min: stretch.from, max: stretch.to },
        y: { range: () => chart.range },
      },
      axes: [{ ...axis, label: "time, UTC", values: times, size: 2.9 * rem, space: 5.5 * rem },
        { ...axis, label: chart.document.unit, values: amounts, size: (_, shown) => roomFor(shown) * rem }],
      padding: [14, 2.2 * rem, 0, 0],
      cursor: { sync: { key: cursors.key }, drag: { x: true, y: false, setScale: false } },
      legend: { show: false },
      series: drawn,
      bands,
      hooks: {
        drawClear: [markEpisodes, (plot) => markWithout(plot, chart, chart.series)],
        draw: [markBeyond],
        setSelect: [(plot) => {
          if (plot.select.width < 8) return;
          const from = plot.posToVal(plot.select.left, "x");
          zoomTo(from, plot.posToVal(plot.select.left + plot.select.width, "x"));
        }],
        setCursor: [(plot) => {
          const at = plot.cursor.idx;
          if (at === null || at === undefined || plot.cursor.left < 0) { text.textContent = summary(chart, series); return; }
          const shown = drawn.map((line, number) => (number && !["least", "greatest"].includes(line.label)
            ? `${line.label}: ${words(plot.data[number][at])}` : null)).filter((each) => each !== null);
          text.textContent = `${iso(plot.data[0][at]).slice(0, 23).replace("T", " ")}  ${shown.join("; ")}`;
        }],
      },
    }, data, place);
    key(chart, drawn);
  };

  // Which line is which, where there are several.
  const key = (chart, drawn) => {
    const named = drawn.slice(1).filter((line) => !["least", "greatest"].includes(line.label));
    if (named.length < 2) return;
    const list = document.createElement("p");
    list.className = "key";
    named.forEach((line) => {
      const sample = document.createElement("canvas");
      sample.width = 60;
      sample.height = 8;
      const context = sample.getContext("2d");
      context.strokeStyle = line.stroke;
      context.lineWidth = 4;
      context.setLineDash(line.dash.map((length) => 2 * length));
      context.beginPath();
      context.moveTo(0, 4);
      context.lineTo(60, 4);
      context.stroke();
      const each = document.createElement("span");
      each.append(sample, ` ${line.label}`);
      list.append(each);
    });
    chart.figure.querySelector(".summary").before(list);
  };

  const fetched = async (address) => {
    const answer = await fetch(address, { headers: { Accept: "application/json" } });
    const document_ = await answer.json();
    if (!answer.ok) throw new Error(document_.error || `The console answers ${answer.status}.`);
    return document_;
  };

  const load = async (charts) => {
    const series = new Map();
    const wanting = (source) => charts.filter((chart) => chart.document.curves.some((curve) => curve.source === source));
    await Promise.all(addresses(charts).map(async ([source, address]) => {
      try {
        series.set(source, await fetched(address));
      } catch (error) {
        for (const chart of wanting(source)) chart.figure.querySelector(".summary").textContent = error.message;
        return;
      }
      // A drawing appears when all that is in it is there.
      for (const chart of wanting(source)) {
        if (chart.document.curves.every((curve) => series.has(curve.source))) show(chart, series);
      }
    }));
    history.dataset.shown = "yes";
  };

  const showMap = async (canvas) => {
    const answer = await fetch(canvas.dataset.map);
    if (!answer.ok) return;
    const values = new Float32Array(await answer.arrayBuffer());
    const draw = canvas.dataset.signed ? window.petawatch.images.signed : window.petawatch.images.counts;
    draw(canvas, values, 102, 128, Number(canvas.dataset.most));
  };

  const charts = [...document.querySelectorAll("[data-chart]")].map((figure) => ({
    figure, document: JSON.parse(figure.dataset.chart), plot: null }));
  load(charts);
  document.querySelectorAll("[data-map]").forEach(showMap);
  for (const chart of charts) {
    const place = chart.figure.querySelector(".plot");
    new ResizeObserver(() => {
      if (chart.plot && chart.plot.width !== size(place).width) chart.plot.setSize(size(place));
    }).observe(place);
  }

  all.addEventListener("change", () => {
    if (all.checked) sessionStorage.setItem(ALL, "yes"); else sessionStorage.removeItem(ALL);
    charts.filter((chart) => chart.series).forEach((chart) => show(chart, chart.series));
  });

  // The latest stretch moves on with what is recorded.
  let next = performance.now() + REFRESH_MS;
  document.addEventListener("petawatch:state", async () => {
    if (!history.dataset.latest || performance.now() < next) return;
    next = performance.now() + REFRESH_MS;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById("history");
      stretch.from = Number(fresh.dataset.from);
      stretch.to = Number(fresh.dataset.to);
      episodes = episodesOf(page);
      for (const id of ["ways", "episodes"]) {
        const part = document.getElementById(id);
        if (!part.contains(document.activeElement)) part.replaceWith(page.getElementById(id));
      }
      await load(charts);
    } catch {
      // The strip says that the server is away.
    }
  });
})();
