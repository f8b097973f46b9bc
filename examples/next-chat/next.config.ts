import type { NextConfig } from 'next';

/** As `create-next-app` writes it, except that `next dev` adds no files. */
const nextConfig: NextConfig = {
  cacheComponents: true,
  partialPrefetching: true,
  agentRules: false,
};

export default nextConfig;
