"use strict";
// Pages with forms and keys: what came of a step is said at once, and parts marked "data-live" are replaced by what the
// server shows now, after each step and when something has changed; without this script the same forms and links work,
// and load the page anew.

window.petawatch = window.petawatch || {};

(() => {
  const typing = (element) => element !== null && (element.matches("textarea, select") ||
    (element.matches("input") && !["button", "submit", "radio", "checkbox", "range"].includes(element.type)));

  // Letters are for whoever fills in a form, wherever in it the focus is.
  const atForm = (element) => typing(element) ||
    (element !== null && element.matches("form:not([method=dialog]) :is(input, select, button)"));

  // A form that somebody fills in stays as it is until it was sent.
  const filled = (part) => [...part.querySelectorAll("input, textarea, select")].some((field) =>
    field.matches("select") ? [...field.options].some((option) => option.selected !== option.defaultSelected &&
      field.selectedIndex !== 0) : field.value !== field.defaultValue || field.checked !== field.defaultChecked);

  // To a field, also one of a part that is folded.
  const reach = (field) => {
    const folded = field.closest("details");
    if (folded !== null) folded.open = true;
    field.focus();
  };

  const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

  const swap = (fresh, sent) => {
    const focused = document.activeElement ? document.activeElement.id : "";
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      const busy = !part.contains(sent) && (filled(part) || (part.contains(document.activeElement) &&
        typing(document.activeElement)));
      if (now === null || busy) continue;
      for (const each of part.querySelectorAll("details[id]")) {
        const fresher = [...now.querySelectorAll("details[id]")].find((other) => other.id === each.id);
        if (fresher !== undefined) fresher.open = each.open;
      }
      if (now.innerHTML !== part.innerHTML) part.replaceChildren(...now.childNodes);
    }
    const again = focused ? document.getElementById(focused) : null;
    if (again !== null && again !== document.activeElement) again.focus({ preventScroll: true });
    document.dispatchEvent(new CustomEvent("petawatch:swapped"));
  };

  const say = (sentence, refused) => {
    const told = document.getElementById("told");
    if (told === null) return;
    told.textContent = sentence;
    told.classList.toggle("bad", refused);
    told.hidden = !sentence;
  };

  const answered = async (answer, sent) => {
    if ((answer.headers.get("Content-Type") || "").startsWith("application/json")) {
      const { told, refused, error } = await answer.json();
      say(told || error, refused !== false);
      await refresh(sent);
      return;
    }
    const fresh = parsed(await answer.text());
    const told = fresh.getElementById("told");
    swap(fresh, sent);
    if (told !== null) say(told.textContent, told.classList.contains("bad"));
    else say((fresh.querySelector("main p") || { textContent: "That did not work." }).textContent, !answer.ok);
  };

  // One look at a time: what changes meanwhile is seen by the next one, at once when it is what was done here.
  let looking = false;
  let again = false;
  let done = null; // the form that was sent: its part is replaced although it is filled in
  const refresh = async (sent = null) => {
    done = sent || done;
    if (looking) { again = true; return; }
    looking = true;
    try {
      const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
      if (answer.ok) {
        const fresh = parsed(await answer.text());
        const form = again ? null : done;
        swap(fresh, form);
        if (form !== null) done = null;
      }
    } catch {
      // The strip says that the server is away; the next event comes when it is back.
    } finally {
      looking = false;
      if (again) { again = false; setTimeout(refresh, done === null ? 300 : 0); }
    }
  };

  const send = async (form, button) => {
    const fields = new URLSearchParams(new FormData(form, button));
    say("...", false);
    try {
      const answer = await fetch(form.action, { method: "POST", body: fields, headers: { Accept: "application/json" } });
      await answered(answer, form);
    } catch {
      say("The console does not answer: nothing is known to have been done. Try again.", true);
    }
  };

  document.addEventListener("submit", (event) => {
    if (event.target.method !== "post" || event.target.dataset.plain !== undefined) return;
    event.preventDefault();
    send(event.target, event.submitter);
  });

  // Keys: each page says what its letters do by the elements that carry them ("data-key").
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || atForm(document.activeElement)) {
      if (event.key === "Escape" && atForm(document.activeElement)) document.activeElement.blur();
      return;
    }
    const help = document.getElementById("keys");
    if (event.key === "?" && help !== null) {
      event.preventDefault();
      if (help.open) help.close(); else help.showModal();
      return;
    }
    if (help !== null && help.open) return;
    const rows = [...document.querySelectorAll("[data-row]")];
    if ((event.key === "j" || event.key === "k") && rows.length) {
      event.preventDefault();
      const at = rows.indexOf(document.activeElement);
      const next = at < 0 ? 0 : Math.min(Math.max(at + (event.key === "j" ? 1 : -1), 0), rows.length - 1);
      rows[next].focus();
      rows[next].scrollIntoView({ block: "nearest" });
      return;
    }
    const row = document.activeElement ? document.activeElement.closest("tr") : null;
    const target = (row && row.querySelector(`[data-key="${CSS.escape(event.key)}"]`)) ||
      document.querySelector(`main [data-key="${CSS.escape(event.key)}"]:not(tr [data-key])`);
    if (target === null) return;
    event.preventDefault();
    if (target.matches("form")) target.requestSubmit();
    else if (target.matches("a")) target.click();
    else reach(target);
  });

  Object.assign(window.petawatch, { refresh, say, typing });

  // A part says by "data-follows" which events it is about.
  for (const about of ["incidents", "replays"]) {
    document.addEventListener(`petawatch:${about}`, () => {
      if (document.querySelector(`[data-follows="${about}"]`) !== null) refresh();
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    const wanted = location.hash ? document.querySelector(`[data-key][id="${CSS.escape(location.hash.slice(1))}"]`) : null;
    if (wanted !== null) reach(wanted);
  });
})();
