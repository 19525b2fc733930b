/** The beginning of a text, as a text of its own: V8 holds a whole text for as long as a part of it is held. */
export const cut = (text: string, max: number): string => (text.length <= max ? text : Buffer.from(text.slice(0, max)).toString());
