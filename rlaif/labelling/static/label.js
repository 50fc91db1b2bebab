// Presses what carries the key: every action is a plain button, link or radio that works without.
"use strict";
(() => {
  const form = document.getElementById("answer");
  const reason = document.getElementById("reason");
  const asText = document.getElementById("as-text");
  let sent = false;

  // A second press while the first answer is on its way must not answer the next pair.
  document.addEventListener("submit", (event) => {
    if (sent) event.preventDefault();
    sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });

  if (asText) {
    asText.checked = sessionStorage.getItem("as-text") === "yes";
    asText.addEventListener("change", () => {
      sessionStorage.setItem("as-text", asText.checked ? "yes" : "no");
    });
  }

  const chosen = () => form && form.querySelector("input[name=side]:checked");

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.target.matches("textarea, input[type=text]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = event.key.toLowerCase();
    const target = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!target || target.disabled || sent) return;
    // Enter presses a focused button or link by itself.
    if (key === "enter" && (!chosen() || event.target.matches("button, a, summary"))) return;
    event.preventDefault();
    if (key === "r") {
      target.parentElement.open = true;
      reason.focus();
    } else {
      target.click();
    }
  });
})();
