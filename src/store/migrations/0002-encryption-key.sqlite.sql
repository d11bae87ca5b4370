-- clients: public key (a JWK) that deliveries are encrypted to
alter table clients add column encryption_key text;

-- deliveries: application/json, or application/jose when the payload is encrypted to the client's key
alter table delivery_payloads add column content_type text not null default 'application/json'
  check (content_type in ('application/json', 'application/jose'));
