import { execFileSync } from 'node:child_process';

/** What a block of commands needs. CI runs it where that is at hand: on a clone, or at a moment when the system of a walk is healthy. */
export const NEEDS = ['nothing', 'clone', 'base', 'cluster', 'postgres', 'provider', 'registry', 'secure', 'no-docker', 'no-docker-registry'];

/** A line that is not run as it is, by how it begins; the reason is for the reader. */
type Exception = { begins: string; reason: string };
/** A block of commands of a page, with what comments above it, which readers do not see, say to CI. */
export type Block = { page: string; line: number; lines: string[]; need?: string; notRun: Exception[]; endless: Exception[]; why?: string };

const FENCE = /^(\s*)```(\S*)\s*$/;
const COMMENT = /^\s*<!-- (run|not run|Ctrl\+C): (.+) -->$/;
/** `command` and the reason behind it. */
const EXCEPTION = /^`([^`]+)` (.+)$/;

const commentsAbove = (lines: string[], at: number): RegExpExecArray[] => {
  const comments: RegExpExecArray[] = [];
  for (let i = at - 1; i >= 0; i--) {
    const comment = COMMENT.exec(lines[i]!);
    if (!comment) break;
    comments.unshift(comment);
  }
  return comments;
};

const blockOf = (page: string, line: number, lines: string[], comments: RegExpExecArray[]): Block => {
  const block: Block = { page, line, lines, notRun: [], endless: [] };
  for (const [, kind, text] of comments) {
    const [, begins, reason] = EXCEPTION.exec(text!) ?? [];
    if (kind === 'run') block.need = text!;
    else if (begins === undefined) block.why = text!;
    else (kind === 'Ctrl+C' ? block.endless : block.notRun).push({ begins, reason: reason! });
  }
  return block;
};

/** The blocks of commands of a page: bash, sh, console, and those whose language is not told. */
export const blocksOf = (page: string, text: string): Block[] => {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  for (let at = 0; at < lines.length; at++) {
    const [, indent, language] = FENCE.exec(lines[at]!) ?? [];
    if (language === undefined) continue;
    const end = lines.findIndex((line, i) => i > at && line.trim() === '```');
    if (end < 0) throw new Error(`${page}:${at + 1}: the block has no end`);
    const body = lines.slice(at + 1, end).map((line) => line.startsWith(indent!) ? line.slice(indent!.length) : line);
    if (['bash', 'sh', 'console', ''].includes(language)) blocks.push(blockOf(page, at + 1, body, commentsAbove(lines, at)));
    at = end;
  }
  return blocks;
};

const beginsWith = (line: string) => ({ begins }: Exception): boolean => line.startsWith(begins);

/** The lines that are run. */
const keptOf = ({ lines, notRun }: Block): string[] => {
  const kept: string[] = [];
  let left = false;
  for (const text of lines) {
    if (!left && notRun.some(beginsWith(text))) left = true;
    // A backslash goes on with what is left out.
    if (left) left = text.endsWith('\\');
    else kept.push(text);
  }
  return kept;
};

/** Bash goes on when a command before `&&` fails. Behind a quote, a parenthesis or a comment it is another `&&`. */
const HIDES_FAILURE = /^[^'"(#]*&&/;

/** What is wrong with a block, or with what is said of it; undefined if nothing is. */
export const faultOf = (block: Block): string | undefined => {
  const { page, line, lines, need, why, notRun, endless } = block;
  const at = `${page}:${line}`;
  if (need === undefined && why === undefined) return `${at}: neither "run: NEED" nor "not run: reason" stands above the block`;
  if (need !== undefined && why !== undefined) return `${at}: it is run, and it is not`;
  if (need !== undefined && !NEEDS.includes(need)) return `${at}: nothing offers ${need}`;
  const stale = [...notRun, ...endless].find(({ begins }) => !lines.some((text) => text.startsWith(begins)));
  if (stale !== undefined) return `${at}: no line begins with ${stale.begins}`;
  const hiding = need === undefined ? undefined : keptOf(block).find((text) => HIDES_FAILURE.test(text));
  return hiding && `${at}: a line for each command, for what fails before && turns nothing red: ${hiding}`;
};

const quoted = (text: string): string => `'${text.replaceAll('\'', '\'\\\'\'')}'`;

/** The commands of a block as CI runs them. */
const scriptOf = (block: Block): string => {
  const lines = keptOf(block).map((text) => (
    block.endless.some(beginsWith(text)) ? `interrupted ${quoted(text)}` : text.replace(/^! /, 'refused ')
  ));
  return [`PS4='+ ${block.page}:${block.line} '`, ...lines].join('\n');
};

// A refusal is no success, finding nothing no failure; what ends with Ctrl+C has to have said something until then.
// `refused` stands for `!`, at which bash goes on whatever becomes of the command.
const PREAMBLE = `set -eEuo pipefail
shopt -s expand_aliases
curl() { command curl --fail-with-body -m 60 "$@"; }
grep() { command grep "$@" || [ $? -eq 1 ]; }
refused() { "$@" && return 1; [ $? -lt 126 ]; }
interrupted() {
  local code=0 said
  said=$(timeout -s INT -k 5 3 bash -c "$1") || code=$?
  [ -n "$said" ] && [[ $code = 0 || $code = 124 ]]
}
set -x`;

/** A script for bash that runs the blocks of a page with this need from top to bottom; undefined if there are none. */
export const scriptFor = (blocks: Block[], need: string): string | undefined => {
  const chosen = blocks.filter((block) => block.need === need);
  return chosen.length === 0 ? undefined : [PREAMBLE, ...chosen.map(scriptOf), ''].join('\n');
};

/** The pages of the repository whose commands CI runs. */
export const pagesOf = (root: string): string[] =>
  execFileSync('git', ['ls-files', 'README.md', 'CONTRIBUTING.md', 'docs/*.md'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
