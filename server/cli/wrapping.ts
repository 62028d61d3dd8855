// Breaks lines for a screen between words. What follows a name and two blanks or more stays below its beginning. Pure.

/** No line has `columns` characters or more, but for words that are longer: addresses stay whole, to be copied. */
export function wrapped(text: string, columns: number): string {
  return text
    .split('\n')
    .map(line => wrappedLine(line, columns))
    .join('\n');
}

function wrappedLine(line: string, columns: number): string {
  const [head = ''] = /^\s*(?:\S+(?: \S+)* {2,})?/.exec(line) ?? [];
  const indent = ' '.repeat(head.length);
  const lines: string[] = [];
  for (const word of line.slice(head.length).split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length < columns) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else {
      lines.push((lines.length === 0 ? head : indent) + word);
    }
  }
  return lines.join('\n');
}
