/** Shorter values are not searched for: they would blacken half of every text, and hide nothing worth hiding. */
const shortestSecret = 6;

/** Keeps every secret that was resolved in this process, and takes them out of what leaves it. */
export interface Redaction {
  /** Call before the secret is used for anything. */
  readonly register: (secret: string) => void;
  readonly redact: (text: string) => string;
}

export function createRedaction(): Redaction {
  const forms = new Set<string>();
  return {
    register(secret) {
      if (secret.length < shortestSecret) return;
      // As it is, as it stands inside JSON, and as it stands inside a URL.
      for (const form of [secret, JSON.stringify(secret).slice(1, -1), encodeURIComponent(secret)])
        forms.add(form);
    },
    redact(text) {
      let clean = text;
      // Longest first: a secret that another one starts with would leave the rest of that in the clear.
      for (const form of [...forms].sort((a, b) => b.length - a.length))
        clean = clean.replaceAll(form, '[redacted]');
      return clean;
    },
  };
}
