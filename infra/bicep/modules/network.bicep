metadata description = 'A network for the apps, the private endpoints, and the machine from which people set up and deploy.'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('Name of the network.')
param name string

@description('Its addresses: a /22 or larger, that nothing which is peered with it has.')
param addresses string

@description('Resource id of a NAT gateway for the subnets of apps and operators; empty for none.')
param natGatewayId string

var way = empty(natGatewayId) ? {} : { natGateway: { id: natGatewayId } }
var zones = {
  blob: 'privatelink.blob.${environment().suffixes.storage}'
  servicebus: 'privatelink.servicebus.windows.net'
  postgres: 'privatelink.postgres.database.azure.com'
  eventgrid: 'privatelink.eventgrid.azure.net'
  sites: 'privatelink.azurewebsites.net'
}

// Subnets are resources of their own: written into the network they would be all that it has, and a later run would take
// away what somebody added (a Bastion's, a gateway's), or fail over it. One after another: two at once are refused.
resource network 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: name
  location: location
  tags: tags
  properties: { addressSpace: { addressPrefixes: [addresses] } }

  // All five apps share it; a Flex Consumption instance takes an address, so a /23 holds them all.
  resource apps 'subnets' = {
    name: 'apps'
    properties: union(way, {
      addressPrefix: cidrSubnet(addresses, 23, 0)
      delegations: [
        { name: 'apps', properties: { serviceName: 'Microsoft.App/environments' } }
      ]
    })
  }

  resource endpoints 'subnets' = {
    name: 'endpoints'
    properties: { addressPrefix: cidrSubnet(addresses, 24, 2) }
    dependsOn: [apps]
  }

  // The build agent or machine that runs set-up, deployment and smoke test stands here.
  resource operators 'subnets' = {
    name: 'operators'
    properties: union(way, { addressPrefix: cidrSubnet(addresses, 24, 3) })
    dependsOn: [endpoints]
  }
}

resource zone 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for item in items(zones): {
    name: item.value
    location: 'global'
    tags: tags
  }
]

resource link 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (item, i) in items(zones): {
    parent: zone[i]
    name: name
    location: 'global'
    tags: tags
    properties: { registrationEnabled: false, virtualNetwork: { id: network.id } }
    dependsOn: [network::operators]
  }
]

@description('Subnet of the apps.')
output appsSubnetId string = network::apps.id

@description('Subnet of the private endpoints.')
output endpointsSubnetId string = network::endpoints.id

@description('Subnet from which people set up and deploy.')
output operatorsSubnetId string = network::operators.id

@description('Private DNS zones, by service.')
output zoneIds object = toObject(
  items(zones),
  item => item.key,
  item => resourceId('Microsoft.Network/privateDnsZones', item.value)
)
