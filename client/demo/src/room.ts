/**
 * Who is here, and where: read from the page's address.
 *
 * - `?only=merchant` or `?only=customer` shows one of the two, so that two browsers are two people;
 * - `?room=x` gives those who share it a company, a conversation and names of their own.
 *
 * @module
 */

/** One of the two. */
export interface Who {
  id: string;
  name: string;
  role: 'merchant' | 'customer';
  /** What their token says of them: a customer sees their own conversations, and nothing of the company. */
  companies: { id: string; role: 'admin' | 'member' | 'customer' }[];
}

/** A company, and a conversation of it with a customer. */
export interface Room {
  companyId: string;
  conversationId: string;
  merchant: Who;
  customer: Who;
  /** Whom this page shows. */
  shown: Who[];
}

/** The room of an address such as `/?room=x&only=customer`. */
export function roomOf(address: URL): Room {
  const name = address.searchParams
    .get('room')
    ?.replaceAll(/[^A-Za-z0-9_-]/g, '')
    .slice(0, 40);
  // Without a name, the ids of the repository's events/, so that `funnelcast-local emit events/...` shows up here.
  const id = (prefix: string, sample: string) => (name ? `${prefix}_${name}` : sample);
  const companyId = id('biz', 'biz_1');
  const merchant: Who = {
    id: id('merchant', 'user_1'),
    name: 'Ann',
    role: 'merchant',
    companies: [{ id: companyId, role: 'admin' }],
  };
  const customer: Who = {
    id: id('customer', 'user_2'),
    name: 'Ben',
    role: 'customer',
    companies: [{ id: companyId, role: 'customer' }],
  };
  const only = address.searchParams.get('only');
  const shown = [merchant, customer].filter(({ role }) => !only || only === role);
  return { companyId, conversationId: id('conv', 'conv-123'), merchant, customer, shown };
}
