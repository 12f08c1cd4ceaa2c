// An OAuth 2 server: oidc-provider, with the clients of the tests, and beside it
//   GET  /check    204 for a good access token, else 401: what a resource server asks
//   POST /approve  the person at the other device signs in: ?user_code=…
// Writes what it granted and refused into grants.ndjson, and a refresh token into refresh-token.
//
// node oauth_server.mjs '{"port":…,"secret":…,"key":PEM,"uses":N}'

import { createPublicKey } from 'node:crypto';
import { appendFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const { port, secret, key, uses } = JSON.parse(process.argv[2]);
const scopes = 'openid offline_access urn:opc:idm:__myscopes__';
const client = (client_id, token_endpoint_auth_method, ...grant_types) => ({
  client_id, token_endpoint_auth_method, grant_types, redirect_uris: [], response_types: [], scope: scopes,
});
const person = ['refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    { ...client('basic-client', 'client_secret_basic', 'client_credentials'), client_secret: secret },
    { ...client('post-client', 'client_secret_post', 'client_credentials'), client_secret: secret },
    {
      ...client('key-client', 'private_key_jwt', 'client_credentials'),
      token_endpoint_auth_signing_alg: 'ES256',
      jwks: { keys: [{ ...createPublicKey(key).export({ format: 'jwk' }), kid: 'the-key', use: 'sig' }] },
    },
    { ...client('person-client', 'client_secret_basic', ...person), client_secret: secret },
    client('public-client', 'none', ...person),
  ],
  scopes: scopes.split(' '),
  features: {
    clientCredentials: { enabled: true },
    deviceFlow: { enabled: true },
    devInteractions: { enabled: false },
  },
  findAccount: (_, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
});

const note = (line) => appendFileSync('grants.ndjson', `${JSON.stringify(line)}\n`);
const proof = (ctx) => [
  ctx.headers.authorization && 'basic', ctx.oidc?.body?.client_secret && 'post', ctx.oidc?.body?.client_assertion && 'key',
].filter(Boolean).join('+') || 'public';
const asked = (ctx) => ({ client: ctx.oidc?.client?.clientId, proof: proof(ctx), grant: ctx.oidc?.params?.grant_type });
provider.on('grant.success', (ctx) => note({ ...asked(ctx), error: null }));
provider.on('grant.error', (ctx, error) => note({ ...asked(ctx), error: error.error_detail ?? error.message }));

async function granted(clientId, scope) {
  const grant = new provider.Grant({ accountId: 'jdoe', clientId });
  grant.addOIDCScope(scope);
  return grant.save();
}

// The first access token that is shown, and how often it was.
let first, used = 0;

async function check(request) {
  const value = /^Bearer (\S+)$/.exec(request.headers.authorization ?? '')?.[1];
  const token = value && (await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value));
  if (!token) return 401;
  if (value === (first ??= value) && ++used === uses) await token.destroy();
  return 204;
}

async function approve(url) {
  const code = await provider.DeviceCode.findByUserCode(url.searchParams.get('user_code').replaceAll('-', ''));
  if (!code) return 404;
  code.scope = code.params.scope;
  Object.assign(code, { accountId: 'jdoe', grantId: await granted(code.clientId, code.scope), authTime: code.iat });
  await code.save();
  return 204;
}

const refreshToken = new provider.RefreshToken({
  accountId: 'jdoe',
  client: await provider.Client.find('person-client'),
  grantId: await granted('person-client', scopes),
  gty: 'device_code',
  scope: scopes,
});
writeFileSync('refresh-token', await refreshToken.save(), { mode: 0o600 });

const standard = provider.callback();
createServer(async (request, response) => {
  const url = new URL(request.url, provider.issuer);
  if (url.pathname === '/check') response.writeHead(await check(request)).end();
  else if (url.pathname === '/approve') response.writeHead(await approve(url)).end();
  else await standard(request, response);
}).listen(port, '127.0.0.1');
