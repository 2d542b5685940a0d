"use strict";
// Every page: the live strip at its top. Pages hear what is new as events of the document, with what the server sent as
// their detail: "petawatch:status", "petawatch:incidents", "petawatch:state", "petawatch:replays", "petawatch:frames".
// All but the first come with each connection as well: something may have been missed before it. What pages need
// besides stands in petawatch.

window.petawatch = window.petawatch || {};

(() => {
  // A second without a word is usual; this is none.
  const LOST_AFTER_MS = 3500;
  const RETRY_MS = 1500;
  const EVENTS = ["status", "incidents", "state", "replays", "frames"];
  const PRIORITIES = [["high", "▲"], ["medium", "◆"], ["low", "●"]];

  let source = null;
  let heardAt = performance.now();
  let ended = "";
  let status = null;
  let statusAt = 0;

  const csrfToken = document.querySelector('meta[name="csrf-token"]').content;
  const staleAfterMs = 1000 * Number(document.getElementById("live-strip").dataset.staleAfter);

  /** Milliseconds since 1970 by the server's clock; NaN before it was heard. */
  function serverNow() {
    return status === null ? NaN : status.now_ms + performance.now() - statusAt;
  }

  /** Whether what is shown may be old because nothing comes any more. */
  function isLost() {
    return ended !== "" || performance.now() - heardAt > LOST_AFTER_MS;
  }

  /** How long, in words. */
  function lasting(ms) {
    const s = Math.max(0, ms) / 1000;
    if (s < 100) return `${Math.round(s)} s`;
    if (s < 6000) return `${Math.round(s / 60)} min`;
    if (s < 172800) return `${(s / 3600).toFixed(1)} h`;
    return `${Math.round(s / 86400).toLocaleString("en")} d`;
  }

  /** Change a text only where it differs: nothing is drawn or read out for nothing. */
  function setText(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function show(id, mark, words) {
    const element = document.getElementById(id);
    setText(element.querySelector(".mark"), mark);
    setText(element.querySelector(".words"), words);
    element.title = words;
  }

  /** What people have put aside, as counts by how: nobody forgets it. */
  function asideWords(aside) {
    const outside = aside.maintenance ? " outside maintenance" : "";
    const counts = [[aside.shelved, "shelved"], [aside.out_of_service, "out of service"]];
    return outside + counts.map(([count, words]) => (count ? `, ${count} ${words}` : "")).join("");
  }

  function showIncidents() {
    const incidents = status.incidents;
    const aside = incidents.put_aside ? asideWords(incidents.put_aside) : "";
    if (status.no_state) {
      show("live-incidents", "–", "incidents not known: no state of a watch");
    } else if (incidents.failure) {
      show("live-incidents", "✕", "incidents can't be read now");
    } else if (incidents.unread) {
      show("live-incidents", "✕", `${incidents.unacknowledged} unacknowledged${aside}; some incidents can't be read`);
    } else if (incidents.unacknowledged === 0) {
      // No longer than the strip of a small window has room for.
      show("live-incidents", "✓", aside ? `none unacknowledged${aside}` : "no unacknowledged incident");
    } else {
      const worst = PRIORITIES.find(([name]) => incidents[name]);
      show("live-incidents", worst ? worst[1] : "●", `${incidents.unacknowledged} unacknowledged${aside}`);
    }
  }

  function showAges() {
    const lost = isLost();
    if (status !== null) {
      const age = serverNow() - status.newest_ms;
      const stale = lost || age > staleAfterMs;
      if (status.newest_ms === 0) show("live-data", "–", "no data yet");
      else show("live-data", stale ? "✕" : "●", `data ${lasting(age)} old`);
    }
    const silent = performance.now() - heardAt;
    if (lost) show("live-connection", "✕", `not live for ${lasting(silent)}`);
    else if (status !== null) show("live-connection", "●", `live, ${lasting(silent)}`);
    const banner = document.getElementById("connection-lost");
    if (lost) setText(banner, ended || `✕ Connection lost for ${lasting(silent)}: nothing shown here is live.`);
    banner.hidden = !lost;
    document.body.classList.toggle("lost", lost);
  }

  function hear(name, event) {
    heardAt = performance.now();
    const detail = JSON.parse(event.data);
    if (name === "status") {
      status = detail;
      statusAt = heardAt;
      const banner = document.getElementById("no-state");
      setText(banner, status.no_state ? `✕ ${status.no_state}` : "");
      banner.hidden = !status.no_state;
      showIncidents();
      showAges();
    }
    document.dispatchEvent(new CustomEvent(`petawatch:${name}`, { detail }));
  }

  function leave() {
    if (source !== null) source.close();
    source = null;
  }

  function follow() {
    leave();
    source = new EventSource("/events");
    source.addEventListener("open", () => {
      heardAt = performance.now();
      for (const name of EVENTS.slice(1)) document.dispatchEvent(new CustomEvent(`petawatch:${name}`, { detail: {} }));
    });
    for (const name of EVENTS) source.addEventListener(name, (event) => hear(name, event));
    source.addEventListener("end", (event) => {
      const { reason } = JSON.parse(event.data);
      leave();
      if (reason === "you are signed out") ended = "✕ You are signed out: load the page again to sign in.";
      else setTimeout(follow, RETRY_MS);
      showAges();
    });
    // The browser itself goes on trying, but not after an answer that refuses.
    source.addEventListener("error", () => {
      if (source !== null && source.readyState === EventSource.CLOSED) {
        leave();
        setTimeout(follow, RETRY_MS);
      }
    });
  }

  // A window that nobody sees takes none of the few connections that a browser has to one host.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) leave();
    else if (ended === "") {
      heardAt = performance.now();
      follow();
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    follow();
    setInterval(() => { if (!document.hidden) showAges(); }, 500);
  });

  Object.assign(window.petawatch, { asideWords, csrfToken, isLost, lasting, serverNow, setText, staleAfterMs });
})();
