// A report: `seconds since 1970,user,address`, one sign-in a line.

// A longer line is not one of this report.
const LINE_BYTES = 64 << 10;

class Parser {
  constructor(_document) {
    this.partial = []; // chunks of the current line: lines may straddle chunks
    this.length = 0;
    this.count = 0;
  }

  push(chunk) {
    const batch = { events: [], rejects: [] };
    let from = 0;
    for (let to = chunk.indexOf(10); to >= 0; to = chunk.indexOf(10, from)) {
      this.keep(chunk.subarray(from, to));
      this.read(batch);
      from = to + 1;
    }
    this.keep(chunk.subarray(from));
    return batch;
  }

  finish() {
    const batch = { events: [], rejects: [] };
    this.read(batch);
    return batch;
  }

  keep(bytes) {
    this.partial.push(bytes);
    this.length += bytes.length;
    // What is thrown on purpose is a fault of the WIT package.
    if (this.length > LINE_BYTES) {
      throw { kind: 'malformed-document', message: `line ${this.count + 1} is too long` };
    }
  }

  // An event for a line that is one, a reject for any other.
  read(batch) {
    const line = new Uint8Array(this.length);
    let at = 0;
    for (const bytes of this.partial) {
      line.set(bytes, at);
      at += bytes.length;
    }
    this.partial = [];
    this.length = 0;
    this.count += 1;
    const text = new TextDecoder().decode(line).replace(/[ \t\r]+$/, '');
    if (text === '') return;
    const found = event(text);
    if (typeof found === 'string') batch.rejects.push({ line: BigInt(this.count), reason: found, raw: text });
    else batch.events.push(found);
  }
}

// The event of a line, or why it is none.
function event(line) {
  const fields = line.split(',');
  if (fields.length !== 3) return 'the line does not have three fields';
  const [time, user, address] = fields;
  if (!/^[0-9]{1,12}$/.test(time)) return 'the time is not a number of seconds';
  if (user === '') return 'the line names no user';
  return {
    // no id: the host derives one from the whole record
    time: BigInt(time) * 1000n,
    activity: 'logon',
    outcome: 'success',
    subject: { name: user, kind: 'user' },
    sourceIp: address || undefined,
    labels: [],
    attributes: [],
  };
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

Parser.prototype.push = guarded(Parser.prototype.push);
Parser.prototype.finish = guarded(Parser.prototype.finish);

export const report = {
  describe() {
    return {
      name: '@name@',
      version: '0.1.0',
      summary: 'Sign-ins, one a line',
      connection: 'http',
      source: { vendor: 'Acme', name: 'Acme Door' },
      requests: ['GET /sign-ins.csv'],
      granularity: { tag: 'day' },
      parameters: [],
    };
  },
  plan: guarded((_request) => {
    const request = { method: 'get', path: ['sign-ins.csv'], query: [], headers: [] };
    return [{ tag: 'call', val: { request } }];
  }),
  Parser,
};
