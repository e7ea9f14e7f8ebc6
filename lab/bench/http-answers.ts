export interface Answer {
  readonly status: number;
  /** Header x-refused. */
  readonly refused: string;
}

const headEnd = '\r\n\r\n';

/** Cuts what a connection receives into the answers of HTTP/1.1; only those with a Content-Length, as latin1. */
export class AnswerReader {
  readonly #answered: (answer: Answer) => void;
  #text = '';

  constructor(answered: (answer: Answer) => void) {
    this.#answered = answered;
  }

  reset(): void {
    this.#text = '';
  }

  read(text: string): void {
    this.#text += text;
    for (;;) {
      const head = this.#text.indexOf(headEnd);
      if (head < 0) return;
      const headers = this.#text.slice(0, head).toLowerCase();
      const length = Number(/\r\ncontent-length: *(\d+)/.exec(headers)?.[1] ?? Number.NaN);
      if (Number.isNaN(length)) throw new Error(`an answer without content-length: ${headers}`);
      const end = head + headEnd.length + length;
      if (this.#text.length < end) return;
      this.#text = this.#text.slice(end);
      const status = Number(headers.slice(9, 12));
      this.#answered({ status, refused: /\r\nx-refused: *(\S+)/.exec(headers)?.[1] ?? '' });
    }
  }
}
