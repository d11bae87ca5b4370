import { always, setting } from './setting.ts'
import { headerName, origin, port, proxyAddresses, text } from './values.ts'

/** Certificates of clients: a port of our own, or the word of a proxy that ends TLS (RFC 8705). */
export const mtls = {
  mtlsPort: setting({
    env: 'MTLS_PORT',
    parse: port,
    about:
      'Port on which clients show a certificate, by TLS of this server. Needs MTLS_CERTIFICATE and MTLS_KEY. Not there if not given.',
    example: '8443',
  }),
  mtlsCertificate: setting({
    env: 'MTLS_CERTIFICATE',
    parse: text,
    about:
      'File of the certificate that this server shows on that port, with those between it and its authority (PEM).',
    example: '/etc/countersign/mtls.pem',
  }),
  mtlsKey: setting({
    env: 'MTLS_KEY',
    parse: text,
    about: 'File of its private key (PEM). Both are read again when they change.',
    example: '/etc/countersign/mtls.key',
  }),
  mtlsCa: setting({
    env: 'MTLS_CA',
    parse: text,
    about:
      'File of the authorities (PEM) whose clients may authenticate by tls_client_auth. Without it only certificates that clients register themselves are taken.',
    example: '/etc/countersign/clients-ca.pem',
  }),
  mtlsUrl: setting({
    env: 'MTLS_URL',
    parse: origin,
    about:
      'Origin at which clients reach the port, or the proxy that asks for certificates. The host of URL and MTLS_PORT if not given.',
    example: 'https://mtls.sign.example.com',
  }),
  mtlsProxies: setting({
    env: 'MTLS_PROXY',
    parse: proxyAddresses,
    about:
      'Addresses of reverse proxies that ask clients for a certificate and pass it on in a header. From anybody else that header is refused; the proxy must take it away from what it is sent.',
    example: '10.0.0.5,10.1.0.0/16',
  }),
  mtlsHeader: always({
    env: 'MTLS_HEADER',
    parse: headerName,
    fallback: 'client-cert',
    about:
      'That header: a certificate as RFC 9440 writes it, or PEM in percent-encoding (nginx: $ssl_client_escaped_cert).',
    example: 'x-ssl-client-cert',
  }),
}
