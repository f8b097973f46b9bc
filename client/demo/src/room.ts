/**
 * The people on the page and their conversation, as determined by the address of the page.
 *
 * - `?only=merchant` or `?only=customer` shows one of the two people, so that each can have a browser;
 * - `?room=x` is a separate company, conversation and pair of people for everybody who uses the same name.
 *
 * @module
 */

/** One of the two people. */
export interface Who {
  id: string;
  name: string;
  role: 'merchant' | 'customer';
  /** The companies in their token. A customer sees only their own conversations of a company. */
  companies: { id: string; role: 'admin' | 'member' | 'customer' }[];
}

/** A company, and its conversation with a customer. */
export interface Room {
  companyId: string;
  conversationId: string;
  merchant: Who;
  customer: Who;
  /** The people whom this page shows. */
  shown: Who[];
}

/** Reads the room from an address such as `/?room=x&only=customer`. */
export function roomOf(address: URL): Room {
  const name = address.searchParams
    .get('room')
    ?.replaceAll(/[^A-Za-z0-9_-]/g, '')
    .slice(0, 40);
  // Without a name, the ids are those of events/, so that this page shows what `funnelcast-local emit events/...` publishes.
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
