export type ServerSettings = Readonly<Record<string, string | number | readonly string[]>>;

/** The text of an option file of MySQL or MariaDB with one section; a list repeats its option. */
export function optionFile(section: string, settings: ServerSettings): string {
  const lines = Object.entries(settings).flatMap(([name, value]) =>
    typeof value === 'object' ? value.map((one) => `${name}=${one}`) : [`${name}=${value}`],
  );
  return `[${section}]\n${lines.join('\n')}\n`;
}
