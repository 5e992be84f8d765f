/** The terminal: lines that stay, and below them one line that is drawn anew. */
import { stripVTControlCharacters, styleText } from "node:util";

export type Style = Parameters<typeof styleText>[0];

export interface Screen {
  line(text: string, style?: Style): void;
  /** The last line. Without a terminal it is written from time to time only. */
  status(text: string): void;
  close(): void;
}

/** How often the status is written where it cannot be drawn anew. */
const PLAIN_STATUS_INTERVAL = 10_000;

export function createScreen(stream: NodeJS.WriteStream, plain: boolean): Screen {
  return stream.isTTY && !plain ? terminalScreen(stream) : plainScreen(stream);
}

function plainScreen(stream: NodeJS.WriteStream): Screen {
  let next = Date.now() + PLAIN_STATUS_INTERVAL;
  return {
    line: (text) => void stream.write(`${stripVTControlCharacters(text)}\n`),
    status(text) {
      if (Date.now() < next) return;
      next = Date.now() + PLAIN_STATUS_INTERVAL;
      stream.write(`          ${stripVTControlCharacters(text)}\n`);
    },
    close() {},
  };
}

function terminalScreen(stream: NodeJS.WriteStream): Screen {
  let last = "";
  const clear = () => stream.write("\r\x1b[K");
  const draw = () => stream.write(styleText("inverse", ` ${last.slice(0, stream.columns - 3)} `, { stream }));
  return {
    line(text, style) {
      clear();
      // styleText looks at the stream and at NO_COLOR.
      stream.write(`${style ? styleText(style, text, { stream }) : text}\n`);
      if (last) draw();
    },
    status(text) {
      last = stripVTControlCharacters(text);
      clear();
      draw();
    },
    close() {
      last = "";
      clear();
    },
  };
}
