import { Counter, Gauge, Registry } from 'prom-client';

type Values = Readonly<Record<string, number>>;

/** Makes series whose values are asked for at each scrape, and counters for what happens between two. */
export class SeriesBuilder {
  readonly registry = new Registry();

  /** @param read undefined: there is no value now */
  gauge(name: string, help: string, read: () => number | undefined | Promise<number | undefined>): Gauge {
    return new Gauge({
      name,
      help,
      registers: [this.registry],
      async collect() {
        const value = await read();
        if (value !== undefined) this.set(value);
      },
    });
  }

  /** @param read the value for each value of the label */
  gauges(name: string, help: string, label: string, read: () => Values): Gauge {
    return new Gauge({
      name,
      help,
      registers: [this.registry],
      labelNames: [label],
      collect() {
        for (const [value, number] of Object.entries(read())) this.set({ [label]: value }, number);
      },
    });
  }

  /** What is always 1, for its labels. */
  info(name: string, help: string, labels: Readonly<Record<string, string>>): void {
    const labelNames = Object.keys(labels);
    new Gauge({ name, help, registers: [this.registry], labelNames }).set({ ...labels }, 1);
  }

  /** Of what is counted elsewhere. */
  total(name: string, help: string, read: () => number): Counter {
    return new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** @param read what is counted elsewhere, for each value of the label */
  totals(name: string, help: string, label: string, read: () => Values): Counter {
    return new Counter({
      name,
      help,
      registers: [this.registry],
      labelNames: [label],
      collect() {
        this.reset();
        for (const [value, number] of Object.entries(read())) this.inc({ [label]: value }, number);
      },
    });
  }

  counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  /** @param values of the label that are there from the start, so that a rate is known before the first event */
  counters<Label extends string>(
    name: string,
    help: string,
    label: Label,
    values: readonly string[],
  ): Counter<Label> {
    const counter = new Counter({ name, help, registers: [this.registry], labelNames: [label] });
    for (const value of values) counter.inc({ [label]: value } as Record<Label, string>, 0);
    return counter;
  }
}
