"use strict";
// Shows one step at a time. Without this script all steps are open, and the page is a list.
(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const steps = all("li.step");
  const stepper = document.querySelector(".stepper");
  const says = stepper.querySelector("p");
  let current = 0;

  const inHash = () => {
    const found = /^#step-(\d+)$/.exec(location.hash);
    return found ? Math.min(Math.max(Number(found[1]), 1), steps.length) : 0;
  };

  const mark = (selector, isNow) => {
    for (const element of all(selector)) element.classList.toggle("now", isNow(element.dataset));
  };

  const show = (number, scrolls) => {
    current = number;
    const step = steps[number - 1];
    for (const other of steps) other.querySelector("details").open = other === step;
    mark("li.step, .band", (data) => Number(data.step) === number);
    mark(".line[data-steps]", (data) => data.steps.split(" ").includes(String(number)));
    mark("thead th[data-from], td.is, .stack", (data) => data.from <= number && number <= data.to);
    const outside = all(".outside li").filter((item) => item.dataset.from <= number).pop();
    for (const item of all(".outside li")) item.classList.toggle("now", item === outside);
    says.textContent = `Step ${number} of ${steps.length}: ${step.querySelector("summary code").textContent}`;
    for (const button of all("[data-go]")) {
      const back = ["first", "back"].includes(button.dataset.go);
      button.disabled = number === (back ? 1 : steps.length);
    }
    if (scrolls) {
      const { top, bottom } = step.getBoundingClientRect();
      if (top < 0 || bottom > innerHeight - 64) step.scrollIntoView({ block: "center" });
    }
  };

  const go = (number) => {
    if (number < 1 || number > steps.length || number === current) return;
    history.replaceState(null, "", `#step-${number}`);
    show(number, false);
    const step = steps[number - 1];
    const line = document.querySelector(".line.now");
    const { top, bottom } = step.getBoundingClientRect();
    const list = document.querySelector(".steps-beside").getBoundingClientRect();
    // who looks at the diagram or the table keeps looking at it
    if (list.bottom > 120 && list.top < innerHeight - 120 && (top < 0 || bottom > innerHeight - 64)) {
      step.scrollIntoView({ block: "nearest" });
    }
    if (line && line.closest(".program").scrollHeight > innerHeight) line.scrollIntoView({ block: "nearest" });
  };

  const places = {
    first: () => 1,
    back: () => current - 1,
    on: () => current + 1,
    last: () => steps.length,
  };
  const keys = { Home: "first", ArrowLeft: "back", ArrowRight: "on", End: "last" };

  stepper.addEventListener("click", (event) => {
    const button = event.target.closest("[data-go]");
    if (button) go(places[button.dataset.go]());
  });
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    // a wide picture has the arrows to itself while it has the focus
    if (event.target.closest(".wide")) return;
    if (event.key in keys) {
      event.preventDefault();
      go(places[keys[event.key]]());
    }
  });
  for (const band of all(".band")) {
    band.addEventListener("click", () => go(Number(band.dataset.step)));
  }
  for (const stack of all(".stack")) {
    stack.addEventListener("click", () => go(Number(stack.dataset.from)));
  }
  // of a picture that is too wide its end is what matters
  for (const { parentElement: frame } of all("svg.stacks")) frame.scrollLeft = frame.scrollWidth;
  addEventListener("hashchange", () => inHash() && show(inHash(), true));
  if (steps.length) {
    stepper.hidden = false;
    document.documentElement.classList.add("stepping");
    show(inHash() || 1, inHash() > 0);
  }
})();
