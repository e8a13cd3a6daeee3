"use strict";
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  theme.addEventListener("change", () => {
    if (theme.value === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme.value;
  });

  for (const choice of document.querySelectorAll("input[name=by]"))
    choice.addEventListener("change", () => { document.body.dataset.by = choice.value; });

  // What is known of a token is shown beside it: under the mouse, or where the arrow keys are.
  const tip = document.getElementById("tip");
  let at = null;

  function show(token) {
    tip.textContent = token.dataset.d;
    tip.hidden = false;
    const box = token.getBoundingClientRect();
    const left = Math.min(box.left, root.clientWidth - tip.offsetWidth - 8);
    const above = box.bottom + tip.offsetHeight + 12 > root.clientHeight && box.top > tip.offsetHeight + 12;
    tip.style.left = `${Math.max(8, left) + scrollX}px`;
    tip.style.top = `${(above ? box.top - tip.offsetHeight - 6 : box.bottom + 6) + scrollY}px`;
  }

  function go(token) {
    if (at) at.classList.remove("at");
    at = token;
    if (!token) { tip.hidden = true; return; }
    token.classList.add("at");
    token.scrollIntoView({ block: "nearest" });
    show(token);
  }

  for (const text of document.querySelectorAll(".text")) {
    text.addEventListener("mouseover", event => {
      const token = event.target.closest(".t");
      if (token) show(token);
    });
    text.addEventListener("mouseleave", () => { if (at) show(at); else tip.hidden = true; });
    text.addEventListener("focus", () => go(text.querySelector(".t")));
    text.addEventListener("blur", () => go(null));
    text.addEventListener("keydown", event => {
      const tokens = [...text.querySelectorAll(".t")];
      const place = Math.max(tokens.indexOf(at), 0);
      const next = {
        ArrowRight: place + 1, ArrowDown: place + 10, ArrowLeft: place - 1, ArrowUp: place - 10,
        Home: 0, End: tokens.length - 1,
      }[event.key];
      // A window without the focus sends no events of it: here they are not waited for.
      if (event.key === "Escape") { text.blur(); go(null); return; }
      if (next === undefined) return;
      event.preventDefault();
      go(tokens[Math.min(Math.max(next, 0), tokens.length - 1)]);
    });
  }
})();
