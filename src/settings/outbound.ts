import { parseAllowList } from '#outbound/policy.ts'
import { always, setting } from './setting.ts'
import { flag, headers, proxyUrl, webUrl } from './values.ts'

/** What may be called, and by which way. */
export const outbound = {
  outboundAllow: always({
    env: 'OUTBOUND_ALLOW',
    parse: parseAllowList,
    fallback: '',
    about:
      'Networks and hosts that endpoints may be on beyond the public Internet; a host with a port may be called on that port.',
    example: '10.20.0.0/16, hooks.corp.example, *.svc.cluster.local, hooks.partner.example:8443',
  }),
  outboundProxy: setting({
    env: 'OUTBOUND_PROXY',
    parse: proxyUrl,
    about: 'HTTP proxy (CONNECT) that every call to an endpoint goes by; it then looks names up.',
    example: 'http://proxy:4750',
    isSecret: true,
  }),
  otlpUrl: setting({
    env: 'OTLP_URL',
    parse: webUrl,
    about:
      'Where traces are sent: the address for traces of an OpenTelemetry collector (OTLP over HTTP). Without it there are none.',
    example: 'http://collector:4318/v1/traces',
  }),
  otlpHeaders: setting({
    env: 'OTLP_HEADERS',
    parse: headers,
    about: 'Headers that go with them: name=value, apart by commas.',
    example: 'authorization=Bearer abc',
    isSecret: true,
  }),
  outboundProxyGuards: always({
    env: 'OUTBOUND_PROXY_GUARDS',
    parse: flag,
    fallback: '0',
    about: 'States that the proxy itself refuses private addresses. Without it no proxy may be set.',
    example: '1',
  }),
}
