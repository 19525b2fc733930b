/** The element of that id; throws when the page has none of that kind: then page and script do not fit together. */
export const byId = <T extends HTMLElement>(id: string, type: new () => T): T => {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`The page has no ${type.name} #${id}.`);
  return found;
};

/** An element with text or elements in it. Text stays text, whatever it says. */
export const element = <K extends keyof HTMLElementTagNameMap>(
  name: K, attributes: Record<string, string> = {}, ...content: (string | Node)[]
): HTMLElementTagNameMap[K] => {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...content);
  return made;
};

/** Sets a text if it is another one: what stays the same is neither laid out nor announced again. */
export const setText = (target: Element, text: string): void => {
  if (target.textContent !== text) target.textContent = text;
};

export const setAttribute = (target: Element, name: string, value: string | undefined): void => {
  if (value === undefined) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
};

/** Runs `draw` in the next frame, once, however often it is asked for until then. */
export const oncePerFrame = (draw: () => void): (() => void) => {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
};
