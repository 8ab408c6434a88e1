metadata description = 'A private endpoint of one resource, with its name in DNS.'

import { privateLink } from 'types.bicep'

@description('The region.')
param location string

@description('Tags of every resource.')
param tags object

@description('The resource that gets an address in the network.')
param resourceId string

@description('Its name.')
param resourceName string

@description('The service, as `zoneIds` has it.')
param service string

@description('The sub-resource, as Private Link names it.')
param groupId string

@description('Where it goes.')
param privateNetwork privateLink

resource endpoint 'Microsoft.Network/privateEndpoints@2024-05-01' = {
  name: 'pe-${resourceName}-${groupId}'
  location: location
  tags: tags
  properties: {
    subnet: { id: privateNetwork.subnetId }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: { privateLinkServiceId: resourceId, groupIds: [groupId] }
      }
    ]
  }

  resource names 'privateDnsZoneGroups' = {
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        { name: service, properties: { privateDnsZoneId: privateNetwork.zoneIds[service] } }
      ]
    }
  }
}
