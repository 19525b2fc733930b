/** The lines of a page that are no code. */
const proseOf = (page: string): string[] => {
  let fence: string | undefined;
  return page.split('\n').filter((line) => {
    const mark = /^\s*(```+|~~~+)/.exec(line)?.[1];
    if (mark === undefined) return fence === undefined;
    if (fence === undefined) fence = mark;
    else if (mark.startsWith(fence)) fence = undefined;
    return false;
  });
};

/** As GitHub makes it of a heading: lower case, without signs, a hyphen for each space. */
const slugOf = (heading: string): string => heading
  .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
  .toLowerCase()
  .replace(/[^\p{L}\p{N} _-]/gu, '')
  .trim()
  .replaceAll(' ', '-');

/** The anchors of a page; a heading that comes again gets a number. */
export const anchorsOf = (page: string): Set<string> => {
  const seen = new Map<string, number>();
  const anchors = new Set<string>();
  for (const line of proseOf(page)) {
    const heading = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    if (heading === undefined) continue;
    const slug = slugOf(heading);
    const before = seen.get(slug) ?? 0;
    seen.set(slug, before + 1);
    anchors.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return anchors;
};

/** Where a page links to, images and `<source>` included; what code quotes is no link. */
export const linksOf = (page: string): string[] => {
  const text = proseOf(page).join('\n').replace(/`[^`\n]*`/g, '');
  const inline = [...text.matchAll(/\]\(([^()\s]+)\)/g)];
  const attributes = [...text.matchAll(/(?:src|srcset|href)="([^"]+)"/g)];
  return [...inline, ...attributes].map((match) => match[1]!);
};

/** A source file that a page links to, and what it names of it behind the link: identifiers in backquotes, names of tests in italics. */
export type Named = { file: string; identifiers: string[]; quotes: string[] };

/** Every link to a TypeScript file that is followed by parentheses with names. */
export const namedIn = (page: string): Named[] => {
  const named = proseOf(page).join('\n').matchAll(/\]\(([^()\s]+\.ts)\)\s\(([^()]+)\)/g);
  return [...named].map((match) => ({
    file: match[1]!,
    identifiers: [...match[2]!.matchAll(/`([A-Za-z]\w*)`/g)].map((one) => one[1]!),
    quotes: [...match[2]!.matchAll(/\*([^*]+)\*/g)].map((one) => one[1]!),
  }));
};
