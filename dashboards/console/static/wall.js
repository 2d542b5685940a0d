"use strict";
// The wall: a card for each stage with its incidents in large letters, and the latest picture of each camera.

(() => {
  const ROWS = 102, COLUMNS = 128, PIXELS = ROWS * COLUMNS;
  const MARKS = { high: "▲", medium: "◆", low: "●" };
  const RANKS = { high: 3, medium: 2, low: 1 };
  const CHAIN = ["FE", "A1", "A2", "A3"];
  const MOST_INCIDENTS = 3;
  // As a score: by chance one normal record in 100 million is so odd.
  const VERY_ODD = 8;
  // Below it a page scrolls as others do where pictures would be smaller than they are then.
  const LARGE_SCREEN = 1600, MOST_COLUMNS = 12;
  // Words grow into what pictures leave, up to so many times their usual size; pictures wider than this part of the
  // window leave some of their width to them.
  const LARGEST_WORDS = 1.7, WIDE_PICTURE = 0.25, LEFT_TO_WORDS = 0.15;
  const KINDS = ["energy_meter", "spectrometer", "camera"];
  // What belongs to no stage: files, the archive, the pipeline, devices whose name says none.
  const INSTALLATION = "";

  const wall = document.getElementById("wall");
  const stages = new Map();
  const devices = new Map();
  let newest = 0;
  let asking = false, askAgain = false;
  let shown = { incidents: [], suppressed: {}, more: 0 };
  // Whether any device has shown something lately.
  let isCurrent = false;
  let quietShown = "";
  let fittedTo = "";

  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text) element.textContent = text;
    return element;
  }

  function place(stage) {
    const [frontEnd, amp, arm] = stage.split("-");
    const depth = CHAIN.indexOf(amp);
    return [stage === INSTALLATION ? "\uffff" : frontEnd, depth < 0 ? CHAIN.length : depth, amp || "", arm || ""];
  }

  function before(one, other) {
    const [first, second] = [place(one), place(other)];
    for (let part = 0; part < first.length; part++) {
      if (first[part] !== second[part]) return first[part] < second[part];
    }
    return false;
  }

  function insert(element, parent, key, known) {
    element.dataset.key = key;
    const next = Array.from(parent.children).find((child) => known(key, child.dataset.key));
    parent.insertBefore(element, next || null);
  }

  function stageOf(name) {
    const there = stages.get(name);
    if (there) return there;
    const card = make("section", name === INSTALLATION ? "stage installation" : "stage");
    const head = make("div", "stage-head");
    const title = make("h2", "stage-name");
    const link = make(name === INSTALLATION ? "span" : "a", "", name === INSTALLATION ? "Installation" : name);
    if (name !== INSTALLATION) link.href = `/stages/${encodeURIComponent(name)}`;
    title.append(link);
    const facts = make("p", "stage-facts");
    head.append(title, facts);
    const incidents = make("ul", "stage-incidents");
    const tiles = make("div", "tiles");
    card.append(head, incidents, tiles);
    insert(card, wall, name, before);
    const stage = { name, card, facts, incidents, tiles, devices: [], listed: "" };
    stages.set(name, stage);
    document.getElementById("wall-empty").hidden = true;
    showIncidentsOf(stage);
    return stage;
  }

  function deviceOf(reading) {
    const there = devices.get(reading.device);
    if (there) return there;
    const stage = stageOf(reading.stage);
    const device = { stage, reading, tile: null, canvas: null, note: null };
    if (reading.kind === "camera") {
      const tile = make("a", "tile");
      tile.href = `/cameras/${encodeURIComponent(reading.device)}`;
      tile.title = reading.device;
      const picture = make("span", "picture");
      const canvas = make("canvas");
      canvas.width = COLUMNS;
      canvas.height = ROWS;
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `latest picture of ${reading.device}`);
      picture.append(canvas);
      const name = make("span", "tile-name", shortName(reading.device));
      const note = make("span", "tile-note");
      tile.append(picture, name, note);
      insert(tile, stage.tiles, reading.device, (one, other) => one < other);
      Object.assign(device, { tile, canvas, note });
    }
    stage.devices.push(device);
    stage.devices.sort((one, other) => KINDS.indexOf(one.reading.kind) - KINDS.indexOf(other.reading.kind));
    devices.set(reading.device, device);
    return device;
  }

  /** Of LA_A3_31-Camera_1-Camera-1 what tells it from the others of its stage: Camera_1; so of meters, too. */
  function shortName(device) {
    const name = device.slice(device.indexOf("-") + 1);
    const [, own, number] = /^(.+)-(?:Camera|EnergyMeter|Spectro)-(\d+)$/.exec(name) || [null, name, "1"];
    return number === "1" || own.endsWith(number) ? own : `${own} ${number}`;
  }

  async function ask() {
    if (asking) {
      askAgain = true;
      return;
    }
    asking = true;
    try {
      do {
        askAgain = false;
        const answer = await fetch(`/live/frames?since=${newest}`);
        if (!answer.ok) return;
        take(await answer.arrayBuffer());
      } while (askAgain);
    } catch {
      // The connection is lost: the banner says so, and all is asked for again after it.
    } finally {
      asking = false;
    }
  }

  function take(message) {
    const length = new DataView(message).getUint32(0, true);
    const readings = JSON.parse(new TextDecoder().decode(new Uint8Array(message, 4, length)));
    let at = 4 + length;
    for (const reading of readings) {
      const device = deviceOf(reading);
      device.reading = reading;
      newest = Math.max(newest, reading.number);
      if (reading.picture) {
        colours.draw(device.canvas, new Uint8Array(message, at, PIXELS));
        device.picture_ms = reading.event_ms;
        at += PIXELS;
      }
    }
    showAges();
  }

  function noteOf(reading) {
    if (reading.refusal) return `refused: ${reading.refusal}`;
    if (reading.striking) return reading.score >= VERY_ODD ? "◆ very odd" : "◆ odd";
    if (reading.scoring === "dark") return "no beam";
    return reading.scoring === "scored" ? "normal" : reading.scoring;
  }

  function factsOf(stage, now) {
    const words = [];
    let latest = 0;
    for (const { reading } of stage.devices) {
      latest = Math.max(latest, reading.event_ms);
      const energy = reading.values.energy_j;
      const stale = now - reading.event_ms > petawatch.staleAfterMs;
      if (reading.kind === "energy_meter") {
        const value = energy === null || reading.refusal ? "–" : `${energy.toPrecision(3)} J`;
        words.push(stale ? `✕ ${value}` : reading.striking ? `◆ ${value}` : value);
      } else if (reading.kind === "spectrometer") {
        const value = reading.refusal ? "–" : noteOf(reading);
        words.push(`${stale ? "✕ " : ""}spectrum ${value}`);
      }
    }
    if (latest) {
      const old = now - latest > petawatch.staleAfterMs;
      words.push(`${old ? "✕ " : ""}${petawatch.lasting(now - latest)} old`);
    }
    return words.join("  ·  ");
  }

  /** What is old is crossed out, with its age: it never looks live. */
  function showAges() {
    const now = petawatch.serverNow();
    if (Number.isNaN(now)) return;
    const lost = petawatch.isLost();
    showSilence(now, lost);
    for (const stage of stages.values()) {
      let live = 0;
      for (const device of stage.devices) {
        const { reading, tile } = device;
        const age = now - reading.event_ms;
        const stale = lost || age > petawatch.staleAfterMs;
        live += stale ? 0 : 1;
        if (tile === null) continue;
        const pictureAge = device.picture_ms === undefined ? NaN : now - device.picture_ms;
        const oldPicture = !(pictureAge <= petawatch.staleAfterMs);
        tile.classList.toggle("stale", stale || oldPicture);
        tile.classList.toggle("odd", reading.striking && !stale);
        let note = noteOf(reading);
        if (stale) note = `✕ ${petawatch.lasting(age)} old`;
        else if (oldPicture && device.picture_ms !== undefined) note = `✕ picture ${petawatch.lasting(pictureAge)} old`;
        petawatch.setText(device.note, note);
      }
      stage.card.classList.toggle("stale", stage.devices.length > 0 && live === 0);
      petawatch.setText(stage.facts, factsOf(stage, now));
    }
    fit();
  }

  /** That no data come any more is as plain as a lost connection. */
  function showSilence(now, lost) {
    const latest = Math.max(0, ...Array.from(devices.values(), ({ reading }) => reading.event_ms));
    const silent = latest > 0 && now - latest > petawatch.staleAfterMs;
    isCurrent = latest > 0 && !silent && !hasNoState();
    for (const incident of shown.incidents) {
      const comeAgain = isCurrent && incident.data_ended_ms !== null && latest > incident.data_ended_ms;
      if (comeAgain === Boolean(incident.come_again)) continue;
      incident.come_again = comeAgain;
      showIncidentsOf(stages.get(INSTALLATION));
    }
    const banner = document.getElementById("no-data");
    if (silent) {
      const since = new Date(latest).toISOString();
      const day = now - latest < 86400000 ? "" : `${since.slice(0, 10)} `;
      petawatch.setText(banner, `✕ No data since ${day}${since.slice(11, 16)} UTC (${petawatch.lasting(now - latest)}): nothing is watched now.`);
    }
    banner.hidden = lost || !silent;
    wall.classList.toggle("silent", !isCurrent);
    if (quietWord().textContent !== quietShown) showSummary();
  }

  /** All is as large as fits without scrolling: a large screen is read from four metres. First the pictures, by every
      number of columns; then the words, as far as pictures leave room. */
  function fit() {
    const shape = JSON.stringify([innerWidth, innerHeight, wall.offsetTop, devices.size, stages.size, Array.from(stages.values(), (each) => each.listed)]);
    const fits = () => document.documentElement.scrollHeight <= innerHeight;
    // A word that became longer may have taken another line.
    if (shape === fittedTo && (fits() || !wall.classList.contains("fitted"))) return;
    fittedTo = shape;
    const style = document.body.style;
    const largest = (name, unit, low, high, step) => {
      while (high - low > step) {
        const size = (low + high) / 2;
        style.setProperty(name, `${size}${unit}`);
        if (fits()) low = size;
        else high = size;
      }
      style.setProperty(name, `${low}${unit}`);
      return low;
    };
    for (const name of ["--columns", "--tile", "--words"]) style.removeProperty(name);
    wall.classList.remove("fitted");
    const narrowest = () => Math.min(...Array.from(wall.querySelectorAll(".tile"), (tile) => tile.offsetWidth));
    const usual = narrowest();
    wall.classList.add("fitted");
    const cards = Array.from(stages.keys()).filter((name) => name !== INSTALLATION).length;
    let best = { width: 0 };
    for (let columns = 1; columns <= Math.min(cards, MOST_COLUMNS); columns++) {
      style.setProperty("--columns", columns);
      const size = largest("--tile", "px", 0, innerWidth, 4);
      const width = Math.min(size, narrowest());
      if (size > 0 && width > best.width) best = { width, columns };
    }
    if (innerWidth < LARGE_SCREEN && best.width < usual) best = { width: 0 };
    wall.classList.toggle("fitted", best.width > 0);
    if (best.width === 0) {
      for (const name of ["--columns", "--tile"]) style.removeProperty(name);
      return;
    }
    style.setProperty("--columns", best.columns);
    const left = best.width > WIDE_PICTURE * innerWidth ? LEFT_TO_WORDS : 0;
    const least = (1 - left) * best.width;
    style.setProperty("--tile", `${least}px`);
    largest("--words", "", 1, LARGEST_WORDS, 0.02);
    if (left) largest("--tile", "px", least, best.width, 4);
  }

  /** Seen; put aside; going on; or over, and nobody has seen it. */
  function standing(incident) {
    if (incident.acknowledged_by) return "seen";
    if (incident.put_aside) return "aside";
    return incident.open ? "now" : "over";
  }

  function incidentItem(incident, stage) {
    const item = make("li", `wall-incident ${incident.priority} ${standing(incident)}`);
    const here = incident.at[stage] || { what: incident.what, device: "" };
    const link = make("a");
    link.href = `/incidents/${incident.id}`;
    link.append(make("span", "wall-priority", `${MARKS[incident.priority]} ${incident.priority}`), " ");
    const where = stage === INSTALLATION ? incident.subjects[0] || "" : shortName(here.device);
    link.append(make("span", "", where ? `${where}: ${here.what}` : here.what));
    const notes = incident.aside_words ? [incident.aside_words] : [];
    if (incident.come_again) notes.push("data come again: it closes once they have come for some minutes");
    const others = incident.stages.filter((each) => each !== stage);
    if (others.length) notes.push(`also: ${others.slice(0, 3).join(", ")}${others.length > 3 ? " and more" : ""}`);
    if (incident.origin) notes.push(`likely from ${incident.origin}`);
    if (incident.episodes > 1) notes.push(`${incident.episodes} episodes`);
    if (standing(incident) === "over") notes.push("over, nobody has seen it");
    else if (!incident.open) notes.push("over");
    if (incident.acknowledged_by) notes.push(`seen by ${incident.acknowledged_by}`);
    link.append(" ", make("span", "wall-notes", notes.join(", ")));
    item.append(link);
    return item;
  }

  function showIncidentsOf(stage) {
    const own = shown.incidents.filter((each) =>
      stage.name === INSTALLATION ? each.stages.length === 0 : each.stages.includes(stage.name));
    const suppressed = shown.suppressed[stage.name];
    const listed = JSON.stringify([own, suppressed || ""]);
    if (listed === stage.listed) return;
    stage.listed = listed;
    const items = own.slice(0, MOST_INCIDENTS).map((each) => incidentItem(each, stage.name));
    if (own.length > MOST_INCIDENTS) {
      const more = make("li", "wall-more");
      const link = make("a", "", `and ${own.length - MOST_INCIDENTS} more`);
      link.href = "/incidents";
      more.append(link);
      items.push(more);
    }
    if (suppressed) {
      const covered = make("li", "wall-covered", suppressed.words);
      covered.title = suppressed.why;
      items.unshift(covered);
    } else if (own.length === 0) items.push(make("li", "wall-normal", "✓ no incident"));
    stage.incidents.replaceChildren(...items);
    // Somebody works there and knows: what is odd stays listed, and calls nobody.
    const calm = suppressed?.cause === "maintenance";
    stage.card.classList.toggle("maintenance", calm);
    const unseen = calm ? [] : own.filter(isUrgent);
    const worst = unseen.toSorted((a, b) => RANKS[b.priority] - RANKS[a.priority])[0];
    stage.card.classList.toggle("over", unseen.length > 0 && !unseen.some((each) => each.open));
    for (const priority of Object.keys(MARKS)) stage.card.classList.toggle(priority, worst?.priority === priority);
  }

  const hasNoState = () => !document.getElementById("no-state").hidden;

  /** Green only when the latest shots are known to be normal. */
  function quietWord() {
    if (hasNoState()) return make("span", "wall-count unknown", "– nothing is known: no state of a watch");
    if (devices.size === 0) return make("span", "wall-count unknown", "– the watch is starting: nothing is watched yet");
    if (!isCurrent) return make("span", "wall-count unknown", "– no current data");
    return make("span", "wall-count normal", `✓ nothing unacknowledged${putAsideWords()}`);
  }

  /** Nobody has acknowledged it, and nobody has put it aside. */
  const isUrgent = (incident) => !incident.acknowledged_by && !incident.put_aside;

  /** What is put aside, as counts by how. */
  function putAsideWords() {
    const counts = { maintenance: 0, shelved: 0, out_of_service: 0 };
    for (const each of shown.incidents) if (!each.acknowledged_by && each.put_aside) counts[each.put_aside] += 1;
    return petawatch.asideWords(counts);
  }

  function showSummary() {
    const unseen = shown.incidents.filter(isUrgent);
    const counts = Object.keys(MARKS).map((priority) => [priority, unseen.filter((each) => each.priority === priority).length]);
    const words = counts.filter(([, count]) => count).map(([priority, count]) => {
      const chip = make("span", `wall-count ${priority}`, `${MARKS[priority]} ${count} ${priority}`);
      return chip;
    });
    const summary = document.getElementById("wall-summary");
    const aside = putAsideWords().replace(/^,? /, "");
    if (words.length && aside) words.push(make("span", "wall-count unknown", aside));
    if (shown.unread) words.push(make("span", "wall-count unknown", "✕ some incidents can't be read"));
    if (shown.more) words.push(make("span", "wall-count unknown", `and ${shown.more} more`));
    quietShown = quietWord().textContent;
    if (words.length === 0) words.push(quietWord());
    summary.replaceChildren(...words.flatMap((word, place) => (place ? [" ", word] : [word])));
  }

  async function askIncidents() {
    try {
      const answer = await fetch("/live/incidents");
      if (!answer.ok) return;
      shown = await answer.json();
    } catch {
      return; // as for the frames
    }
    for (const incident of shown.incidents) {
      for (const stage of incident.stages.length ? incident.stages : [INSTALLATION]) stageOf(stage);
    }
    for (const stage of stages.values()) showIncidentsOf(stage);
    showSummary();
    showAges();
    fit();
  }

  function drawLegend() {
    const canvas = document.getElementById("legend");
    colours.drawScale(canvas);
    const parts = [0, 0.25, 0.5, 0.75, 1].map((part) => make("span", "", colours.countsAt(part).toLocaleString("en")));
    parts[parts.length - 1].textContent += " counts";
    document.getElementById("legend-counts").replaceChildren(...parts);
  }

  document.addEventListener("DOMContentLoaded", () => {
    drawLegend();
    setInterval(showAges, 1000);
  });
  document.addEventListener("petawatch:frames", ask);
  document.addEventListener("petawatch:status", showAges);
  document.addEventListener("petawatch:incidents", askIncidents);
})();
