// A sink: each event becomes one line of JSON.

const schema = {
  type: 'object',
  properties: {
    source: { type: 'string', description: 'Stands in every line' },
  },
  additionalProperties: false,
};

class Encoder {
  constructor(source) {
    this.source = source;
  }

  static open(config) {
    const settings = parsed(config);
    // What is thrown on purpose is a fault of the WIT package.
    if (settings === null || typeof settings !== 'object' || Array.isArray(settings)) {
      throw { kind: 'invalid-request', message: 'the configuration is not a JSON object' };
    }
    return new Encoder(settings.source ?? '@name@');
  }

  encode(payload) {
    const lines = payload.val.map((item) => this.line(item)).join('');
    return lines ? [{ tag: 'bytes', val: new TextEncoder().encode(lines) }] : [];
  }

  line({ id, event }) {
    const members = {
      action: event.action ?? null,
      id,
      ip: event.sourceIp ?? null,
      message: event.message ?? null,
      outcome: event.outcome,
      source: this.source,
      time: Number(event.time), // 64-bit numbers arrive as BigInt
      user: event.subject.name,
    };
    return JSON.stringify(members) + '\n';
  }

  // Asked for HTTP deliveries only: says how to read the answer.
  verdict(delivery, response) {
    if (response.status >= 200 && response.status < 300) return { tag: 'accepted' };
    if (response.status === 408 || response.status === 429 || response.status >= 500) return { tag: 'retry' };
    return { tag: 'refused', val: `status ${response.status}` };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// Anything thrown but a fault ends the plugin without a word. So an Error becomes a fault that says what and where.
function guarded(method) {
  return function (...given) {
    try {
      return method.apply(this, given);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const where = error.stack.split('\n')[0].replace(/^.*@/, '');
      throw { kind: 'internal', message: `${error} (${where})` };
    }
  };
}

Encoder.open = guarded(Encoder.open);
Encoder.prototype.encode = guarded(Encoder.prototype.encode);

export const sink = {
  describe() {
    return {
      name: '@name@',
      version: '0.1.0',
      summary: 'Events as lines of JSON',
      configSchema: JSON.stringify(schema),
      input: 'events',
    };
  },
  Encoder,
};
