/**
 * Which index a swap follows (`uly`). It is that of its assets, in USDC as well since April 2023; but `SOL-USD_UM-SWAP`,
 * margined in dollars of any kind, follows that in US dollars, as `SOL-USD-SWAP` does.
 * https://www.okx.com/docs-v5/en/#public-data-rest-api-get-instruments
 * https://www.okx.com/help/changes-to-v5-api-users-as-okx-supports-usdc-index
 */
export function indexOf(swap: string): string {
  return swap.replace(/-SWAP$/, '').replace(/-USD_UM$/, '-USD')
}

/** The swaps that would follow an index: which of them OKX lists it does not say. */
export function swapsOn(index: string): readonly string[] {
  return index.endsWith('-USD') ? [`${index}-SWAP`, `${index}_UM-SWAP`] : [`${index}-SWAP`]
}
