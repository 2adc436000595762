// The card beside its number: what a click shows, pointing shows, too, for as long as it points.
// Not shown on focus: Tab would open dozens on the way to the next table; Enter does it.
"use strict";
(() => {
  if (!("popover" in HTMLElement.prototype)) return;
  let timer = 0;
  const place = (card, button) => {
    const at = button.getBoundingClientRect();
    const above = at.top - 14;
    const below = innerHeight - at.bottom - 14;
    const side = below >= Math.min(card.scrollHeight, above) ? "below" : "above";
    card.style.inset = "auto";
    card.style.margin = "0";
    card.style.maxHeight = `${Math.max(160, side === "below" ? below : above)}px`;
    card.style.left = `${Math.max(8, Math.min(at.left, document.documentElement.clientWidth - card.offsetWidth - 8))}px`;
    card.style.top = `${side === "below" ? at.bottom + 6 : Math.max(8, at.top - 6 - card.offsetHeight)}px`;
  };
  const cardOf = (button) => document.getElementById(button.getAttribute("popovertarget"));
  const open = (button) => {
    const card = cardOf(button);
    if (!card.matches(":popover-open")) card.showPopover({ source: button });
    place(card, button);
  };
  // What was clicked stays until it is closed: pointing at another number does not put its card in that one's place.
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.n");
    const card = button ? cardOf(button) : event.target.closest("[popover]");
    if (button) {
      clearTimeout(timer);
      open(button);
    }
    if (card) delete card.dataset.pointed;
  });
  const point = (button) => {
    if (document.querySelector("[popover]:popover-open:not([data-pointed])") || cardOf(button).matches(":popover-open")) return;
    open(button);
    cardOf(button).dataset.pointed = "";
  };
  const leave = () => {
    for (const pointed of document.querySelectorAll("[data-pointed]:popover-open")) pointed.hidePopover();
  };
  document.addEventListener("pointerover", (event) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(timer);
    const button = event.target.closest("button.n");
    if (button) timer = setTimeout(point, 350, button);
    else if (!event.target.closest("[popover]")) timer = setTimeout(leave, 350);
  });
})();
