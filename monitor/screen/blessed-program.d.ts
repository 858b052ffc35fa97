/** What is used here of blessed's layer between widgets and terminal. It has no types of its own. */
declare module 'blessed/lib/program.js' {
  export interface Key {
    readonly name?: string;
    readonly full?: string;
    readonly ctrl?: boolean;
    readonly meta?: boolean;
  }

  class Program {
    constructor(options: {
      readonly input: NodeJS.ReadStream;
      readonly output: NodeJS.WriteStream;
      /** False: no terminfo is read. */
      readonly tput: false;
    });
    on(event: 'keypress', listener: (character: string | undefined, key: Key) => void): void;
    on(event: 'resize', listener: () => void): void;
    /** Takes the listeners off the streams, and the input out of raw mode. */
    destroy(): void;
  }
  // oxlint-disable-next-line import/no-default-export -- how a CommonJS module looks from here
  export default Program;
}
